// Recognizes a turn of the event loop that has become long. In one turn the core takes what its sockets hold,
// up to half a mebibyte each: that is tens of thousands of requests or messages if they are short and
// pipelined.

/** A turn of more milliseconds is long. */
export const LONG_TURN_MS = 100;
/** Callbacks between two readings of the clock. */
const STRIDE = 64;

export class TurnWatch {
  /** A number of the turn. It changes from turn to turn if each has more than a few callbacks. */
  turn = 0;
  readonly #clock: () => number;
  #left = STRIDE;
  /** Time of the first reading in this turn; undefined before it. */
  #since: number | undefined;
  #isLong = false;
  readonly #over = (): void => {
    this.turn++;
    this.#since = undefined;
    this.#isLong = false;
  };

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Call once per request or message. */
  isLong(): boolean {
    if (--this.#left > 0) return this.#isLong;
    this.#left = STRIDE;
    const now = this.#clock();
    if (this.#since === undefined) {
      this.#since = now;
      setImmediate(this.#over);
    } else if (now - this.#since > LONG_TURN_MS) this.#isLong = true;
    return this.#isLong;
  }
}
