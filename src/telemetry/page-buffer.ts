// The bytes of a page that is written piece by piece. It grows by doubling, so a page costs one buffer and
// not one for each piece, which would keep the garbage collector busy.

/** The most bytes of UTF-8 for one unit of UTF-16. */
const MOST_PER_UNIT = 3;

export class PageBuffer {
  #buffer: Buffer;
  #used = 0;

  /** @param expected bytes that the page probably has */
  constructor(expected: number) {
    this.#buffer = Buffer.allocUnsafeSlow(expected);
  }

  readonly write = (piece: string): void => {
    const needed = this.#used + piece.length * MOST_PER_UNIT;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, this.#used);
      this.#buffer = larger;
    }
    this.#used += this.#buffer.write(piece, this.#used);
  };

  /** The bytes that were written. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#used);
  }
}
