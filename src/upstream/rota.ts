// The order of round-robin among endpoints of different weights. A cycle has one place for each unit of
// weight, so that every endpoint gets exactly its share of a cycle. The places are visited in steps of about
// the golden section of their number, which spreads those of one endpoint as evenly over the cycle as any
// fixed step can (three-distance theorem). A turn costs the same for any number of endpoints, unlike the
// smooth order of nginx, which compares all of them.

const GOLDEN = 0.618_033_988_749_895;
/** Factors below 2^30 are multiplied in two parts, so that no product is above 2^53. */
const HALF = 2 ** 15;

export class Rota {
  /** The unit of weight: what all weights are multiples of. */
  readonly #unit: number;
  readonly #places: number;
  readonly #step: number;

  /** @param weights whole numbers above 0, whose sum is below 2^30 */
  constructor(weights: readonly number[]) {
    const sum = weights.reduce((all, weight) => all + weight, 0);
    this.#unit = weights.reduce(commonDivisor);
    this.#places = sum / this.#unit;
    this.#step = Math.max(1, Math.round(this.#places * GOLDEN));
    while (commonDivisor(this.#step, this.#places) !== 1) this.#step += 1;
  }

  /** @returns the point in the middle of a place, where the weights lie side by side */
  at(turn: number): number {
    const place = turn % this.#places;
    const high = (place * Math.floor(this.#step / HALF)) % this.#places;
    return (((high * HALF + place * (this.#step % HALF)) % this.#places) + 0.5) * this.#unit;
  }
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
