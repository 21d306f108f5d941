// The body of one request of a socket. The core hands chunks over whether or not somebody wants them, and only
// to a handler that was attached in the request callback: what arrives before it is wanted is held, and beyond a
// bound reading stops meanwhile. While it stands still the core watches the socket no more, and learns neither of
// its end nor of a reset.
import type { CoreResponse } from './uws-core.js';

/** Held for a handler that does not read yet. Beside the last packet: the core reads up to 512 KiB at once. */
const HELD_BYTES = 64 * 1024;

type OnChunk = (chunk: Uint8Array, last: boolean) => void;

export class UwsBody {
  readonly #res: CoreResponse;
  /** Told of what a reader throws: nothing may leave a callback of the core. */
  readonly #failed: (error: unknown) => void;
  #onChunk: OnChunk | undefined;
  /** The core hands chunks to us: when the last one comes it stops its idle clock, answered or not. */
  isAttached = false;
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;
  #wantsPause = false;
  #paused = false;
  /** The answer is complete or the client gone: `res` must not be touched. */
  #over = false;
  /** All of it has arrived. */
  isComplete = false;

  /** More of it comes to us. */
  get isUnderWay(): boolean {
    return this.isAttached && !this.isComplete;
  }

  constructor(res: CoreResponse, failed: (error: unknown) => void) {
    this.#res = res;
    this.#failed = failed;
  }

  /** The request callback returns and nobody reads yet. */
  hold(): void {
    if (this.isAttached) return;
    this.#held = [];
    this.#attach();
  }

  read(onChunk: OnChunk): void {
    this.#onChunk = onChunk;
    const held = this.#held;
    this.#held = undefined;
    if (!this.isAttached) this.#attach();
    if (held === undefined) return;
    const isWhole = this.isComplete;
    for (const [i, chunk] of held.entries()) onChunk(chunk, isWhole && i === held.length - 1);
    this.resume();
  }

  /** A tick later: the core starts its 10 s clock when a callback of its own returns, and a pause stops it. */
  pause(): void {
    if (this.#wantsPause) return;
    this.#wantsPause = true;
    setImmediate(() => {
      if (!this.#wantsPause || this.#paused || this.isComplete || this.#over) return;
      this.#paused = true;
      this.#res.pause();
    });
  }

  resume(): void {
    this.#wantsPause = false;
    if (!this.#paused || this.#over) return;
    this.#paused = false;
    this.#res.resume();
  }

  /** Whoever has not read until now never will: what was held is let go of, and so is what still comes. */
  discard(): void {
    this.#held = undefined;
    this.resume();
  }

  /** What still comes is thrown away by the core. */
  finish(): void {
    this.#over = true;
    this.#held = undefined;
  }

  #hold(bytes: Uint8Array): void {
    this.#held?.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes >= HELD_BYTES) this.pause();
  }

  #attach(): void {
    this.isAttached = true;
    this.#res.onData((chunk, last) => {
      if (this.#over) return;
      this.isComplete = last;
      if (this.#held === undefined && this.#onChunk === undefined) return;
      // A copy: the core takes its memory back.
      const bytes = Buffer.from(new Uint8Array(chunk));
      try {
        if (this.#held !== undefined) this.#hold(bytes);
        else this.#onChunk?.(bytes, last);
      } catch (error) {
        this.#failed(error);
      }
    });
  }
}
