// Tells a turn of the event loop that has become long. The core takes what its sockets hold in one turn, half
// a mebibyte from each: tens of thousands of requests or messages, if they are short and pipelined.

/** From here on a turn is long. */
export const LONG_TURN_MS = 100;
/** Callbacks between two looks at the clock. */
const STRIDE = 64;

export class TurnWatch {
  /** Changes from turn to turn while there are more than a few callbacks in each. */
  turn = 0;
  readonly #clock: () => number;
  #left = STRIDE;
  /** When the turn was first looked at; undefined: not yet. */
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
