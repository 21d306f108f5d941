// Endpoints that may be picked, prepared for drawing by weight: made once per change of the list, drawn from per call.
import type { Endpoint } from './endpoint.js';

export class Candidates {
  /** Never empty, in a stable order. */
  readonly endpoints: readonly Endpoint[];
  /** Running sums of the weights; undefined when all are equal. */
  readonly #sums: Float64Array | undefined;

  constructor(endpoints: readonly Endpoint[]) {
    this.endpoints = endpoints;
    const { weight } = endpoints[0]!;
    if (endpoints.every((endpoint) => endpoint.weight === weight)) return;
    const sums = new Float64Array(endpoints.length);
    let sum = 0;
    for (let index = 0; index < sums.length; index++) {
      sum += endpoints[index]!.weight;
      sums[index] = sum;
    }
    this.#sums = sums;
  }

  /**
   * Index of an endpoint, drawn with chance proportional to weight.
   * @param chance uniform in [0, 1)
   */
  draw(chance: number): number {
    const last = this.endpoints.length - 1;
    const sums = this.#sums;
    if (sums === undefined) return Math.min(Math.floor(chance * (last + 1)), last);
    return search(sums, chance * sums[last]!);
  }

  /** Of the others, in the same way; there must be one. */
  drawOther(chance: number, than: number): number {
    const last = this.endpoints.length - 1;
    const sums = this.#sums;
    if (sums === undefined) {
      const index = Math.min(Math.floor(chance * last), last - 1);
      return index < than ? index : index + 1;
    }
    // The line without the stretch of the one that is left out.
    const from = than === 0 ? 0 : sums[than - 1]!;
    const { weight } = this.endpoints[than]!;
    const at = chance * (sums[last]! - weight);
    const index = search(sums, at < from ? at : at + weight);
    if (index !== than) return index;
    return than === last ? than - 1 : than + 1;
  }
}

/** The first whose sum is above; the last one when rounding leaves a rest. */
function search(sums: Float64Array, at: number): number {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sums[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
