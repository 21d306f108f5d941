// Streams of a connection that were cancelled and that the peer may count as running still. A peer on a newer
// Node.js counts a stream until the end of the turn in which it has read its reset, and refuses streams
// beyond its limit until then. So a stream keeps its place for a while, or until a call waits for a place and
// the peer has acknowledged SETTINGS that were sent behind the reset. Servers refuse clients that send many
// PINGs or SETTINGS, so not every cancelled call sends one.
import type { ClientHttp2Session } from 'node:http2';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** After three turns the session has the resets of all calls that were cancelled (grpc-attempt.ts). */
const RESET_TURNS = 3;

export interface HeldStreamsOptions {
  readonly session: Pick<ClientHttp2Session, 'settings' | 'destroyed' | 'closed'>;
  /** Milliseconds for which a stream keeps its place at least, and at most twice that. */
  readonly keptMs: number;
  /** Some streams have given up their places. */
  readonly onFreed: () => void;
}

export class HeldStreams {
  readonly #options: HeldStreamsOptions;
  #count = 0;
  /** Those of them that were there when the timer was set. */
  #old = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Those of them that are asked for. */
  #asked = 0;
  #isAsking = false;

  constructor(options: HeldStreamsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  /** Call when a call is cancelled. */
  add(): void {
    this.#count++;
    if (this.#timer === undefined) this.#wait();
  }

  /** Call when a call waits for a place. One question is on its way at most. */
  async ask(): Promise<void> {
    if (this.#isAsking || this.#count === 0) return;
    this.#isAsking = true;
    this.#asked = this.#count;
    for (let turn = 0; turn < RESET_TURNS; turn++) await nextTurn();
    const { session } = this.#options;
    if (session.destroyed || session.closed) return;
    session.settings({ enablePush: false }, () => {
      this.#isAsking = false;
      this.#free(this.#asked);
    });
  }

  #wait(): void {
    this.#old = this.#count;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#free(this.#old);
      if (this.#count > 0) this.#wait();
    }, this.#options.keptMs).unref();
  }

  #free(streams: number): void {
    this.#count = Math.max(0, this.#count - streams);
    this.#old = Math.max(0, this.#old - streams);
    this.#asked = Math.max(0, this.#asked - streams);
    this.#options.onFreed();
  }
}
