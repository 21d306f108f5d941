// A clock that does not count pauses of this process (SIGSTOP, a suspended machine), in which no task runs.
// A turn of the event loop of more than half a second is taken for a pause as well.

/** The clock is read at least this often while it runs. */
const PIECE_MS = 500;
/** A reading that is later than this was delayed by a pause. */
const LATE_MS = 500;

export class UnpausedClock {
  readonly #now: () => number;
  #readAt: number;
  #totalMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param now the clock of the process, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#readAt = now();
  }

  /** Lets the clock run. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#readAt = this.#now();
    this.#timer = setInterval(() => this.read(), PIECE_MS).unref();
  }

  stop(): void {
    this.read();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Milliseconds for which the clock has run. */
  read(): number {
    const now = this.#now();
    const passedMs = now - this.#readAt;
    this.#readAt = now;
    if (this.#timer !== undefined) this.#totalMs += passedMs > PIECE_MS + LATE_MS ? PIECE_MS : passedMs;
    return this.#totalMs;
  }
}
