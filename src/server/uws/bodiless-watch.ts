// Decides which responses without a body test whether their client reads. The core does not report whether
// the socket takes such a response. So the response is deferred to the next turn of the event loop, and the
// core closes the connection if another request follows in the same packet. Then the responses before it in
// that packet are lost too, although their requests were executed. So clients are tested only while there are
// more such responses than clients that read are likely to pipeline.

/** Every n-th response without a body may be deferred. */
export const BODILESS_SAMPLE = 64;
/** The first BODILESS_FREE of them in WINDOW_MS test nothing. */
export const BODILESS_FREE = 1024;
const WINDOW_MS = 1000;

export class BodilessWatch {
  readonly #clock: () => number;
  #left = BODILESS_SAMPLE;
  /** Time of the first reading in this window. */
  #since = Number.NEGATIVE_INFINITY;
  /** Responses in this window, counted at every reading. */
  #counted = 0;

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Call once per response without a body. @returns whether it is to be deferred */
  isTest(): boolean {
    if (--this.#left > 0) return false;
    this.#left = BODILESS_SAMPLE;
    const now = this.#clock();
    if (now - this.#since > WINDOW_MS) {
      this.#since = now;
      this.#counted = 0;
    }
    this.#counted += BODILESS_SAMPLE;
    return this.#counted > BODILESS_FREE;
  }
}
