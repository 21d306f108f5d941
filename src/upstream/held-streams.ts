// Streams of a connection that were cancelled and that the peer may count as running still. A peer on a newer
// Node.js counts a stream until the end of the turn in which it has read its reset, and refuses streams
// beyond its limit until then. So a stream keeps its place until the peer has acknowledged SETTINGS that were
// sent behind the reset. Servers refuse clients that send many PINGs.
import type { ClientHttp2Session } from 'node:http2';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ConnectLimit } from './connect-limit.js';

/** After three turns all resets of calls that were cancelled are with their session (grpc-attempt.ts). */
const RESET_TURNS = 3;

export interface HeldStreamsOptions {
  readonly session: Pick<ClientHttp2Session, 'settings' | 'destroyed' | 'closed'>;
  /** Milliseconds in which the peer must acknowledge. */
  readonly limitMs: number;
  /** Some streams have given up their places. */
  readonly onFreed: () => void;
  /** The peer has not acknowledged in time. */
  readonly onLate: () => void;
}

export class HeldStreams {
  readonly #options: HeldStreamsOptions;
  #count = 0;
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
    if (!this.#isAsking) void this.#free();
  }

  /** Asks once for all that were added meanwhile, so there is one question on its way at most. */
  async #free(): Promise<void> {
    this.#isAsking = true;
    while (this.#count > 0) {
      const added = this.#count;
      for (let turn = 0; turn < RESET_TURNS; turn++) await nextTurn();
      await this.#acknowledged();
      this.#count -= added;
      this.#options.onFreed();
    }
    this.#isAsking = false;
  }

  /** Resolves when the peer has read all that was sent, and when the session has ended. */
  #acknowledged(): Promise<void> {
    const { session, limitMs, onLate } = this.#options;
    if (session.destroyed || session.closed) return Promise.resolve();
    const limit = new ConnectLimit(limitMs, onLate);
    return new Promise((resolve) => {
      session.settings({ enablePush: false }, () => {
        limit.lift();
        resolve();
      });
    });
  }
}
