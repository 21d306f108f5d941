// Endpoints that may be picked, prepared for drawing by weight. The list is prepared once per change; each
// call draws from it.
import type { Endpoint } from '../registry/endpoint.js';
import { Rota } from './rota.js';

export class Candidates {
  /** Never empty, in a stable order. */
  readonly endpoints: readonly Endpoint[];
  /**
   * Names the count of their turns: a hash of what the list is for. With one count for two lists, the turns
   * of one would skip endpoints of the other. `drawn`: they are what is left for one pick of the endpoints
   * that may be called, so they have no turns.
   */
  readonly turns: number | 'drawn';
  /** Undefined when all weights are equal. */
  readonly #line: Line | undefined;
  #rota: Rota | undefined;
  #slots: Int32Array | undefined;

  /** @param turns @default a count that all such lists share */
  constructor(endpoints: readonly Endpoint[], turns: number | 'drawn' = 0) {
    this.endpoints = endpoints;
    this.turns = turns;
    const { weight } = endpoints[0]!;
    if (endpoints.every((endpoint) => endpoint.weight === weight)) return;
    this.#line = new Line(endpoints.map((endpoint) => endpoint.weight));
  }

  /** The slots of the endpoints, side by side, for a picker that looks at many of them. */
  get slots(): Int32Array {
    this.#slots ??= Int32Array.from(this.endpoints, ({ slot }) => slot);
    return this.#slots;
  }

  /** The weight of the endpoint at an index, relative to the others: 1 when all are equal. */
  weightAt(index: number): number {
    return this.#line === undefined ? 1 : this.#line.weights[index]!;
  }

  /**
   * @param turn any whole number
   * @returns the index of the endpoint at a place in a cycle that has as many places for each as its weight
   */
  inTurn(turn: number): number {
    const line = this.#line;
    if (line === undefined) return turn % this.endpoints.length;
    this.#rota ??= new Rota(this.endpoints.map(({ weight }) => weight));
    return line.at(this.#rota.at(turn));
  }

  /**
   * @param chance uniform in [0, 1)
   * @returns the index of an endpoint, drawn with a probability proportional to its weight
   */
  draw(chance: number): number {
    const last = this.endpoints.length - 1;
    const line = this.#line;
    if (line === undefined) return Math.min(Math.floor(chance * (last + 1)), last);
    return line.drawn(chance);
  }

  /**
   * Draws in the same way among all endpoints but the one at the index `than`; there must be two at least.
   */
  drawOther(chance: number, than: number): number {
    const last = this.endpoints.length - 1;
    const line = this.#line;
    if (line === undefined) {
      const index = Math.min(Math.floor(chance * last), last - 1);
      return index < than ? index : index + 1;
    }
    // The point is drawn on the line without the segment of the excluded endpoint.
    const { weight } = this.endpoints[than]!;
    const at = chance * (line.length - weight);
    const index = line.at(at < line.startOf(than) ? at : at + weight);
    if (index !== than) return index;
    return than === last ? than - 1 : than + 1;
  }
}

/**
 * Segments side by side, each as long as its weight. A guide table finds the segment of a point with few
 * comparisons, whatever their number (H. Chen, Y. Asau, "On Generating Random Variates from an Empirical
 * Distribution", 1974). Numbers are side by side in memory, for which a pick waits more than it computes.
 */
class Line {
  readonly weights: Float64Array;
  readonly length: number;
  readonly #ends: Float64Array;
  /**
   * For each of equal parts of the line, the first segment that ends after the beginning of the part. One
   * more part is for points that rounding leads past the end.
   */
  readonly #guide: Int32Array;
  readonly #parts: number;

  constructor(weights: readonly number[]) {
    const count = weights.length;
    this.weights = Float64Array.from(weights);
    this.#ends = new Float64Array(count);
    let sum = 0;
    for (let index = 0; index < count; index++) {
      sum += weights[index]!;
      this.#ends[index] = sum;
    }
    this.length = sum;
    this.#parts = PARTS * count;
    this.#guide = new Int32Array(this.#parts + 1);
    for (let part = 0, index = 0; part <= this.#parts; part++) {
      // Rounding leads a point into a part that begins after it, by less than this.
      while (index < count - 1 && this.#ends[index]! <= (part / this.#parts) * sum * (1 - ROUNDING)) index++;
      this.#guide[part] = index;
    }
  }

  startOf(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!;
  }

  /** @param chance uniform in [0, 1) @returns the index of the segment at that part of the line */
  drawn(chance: number): number {
    return this.#from(this.#guide[(chance * this.#parts) | 0]!, chance * this.length);
  }

  /** @returns the index of the segment with the point; the last one when rounding leads past the end */
  at(point: number): number {
    return this.#from(this.#guide[((point / this.length) * this.#parts) | 0]!, point);
  }

  #from(first: number, point: number): number {
    const ends = this.#ends;
    const last = ends.length - 1;
    let index = first;
    while (index < last && ends[index]! <= point) index++;
    return index;
  }
}

/** Parts of the line for each segment: with more of them fewer comparisons are needed. */
const PARTS = 4;
const ROUNDING = 1e-12;
