// The series of a metric whose labels are given with each observation. The look-up allocates one text; the
// number of series that are kept is bounded, so labels that clients choose cost time and no memory.
import type { Labels } from '../memory/metrics/recorder.js';
import { SERIES_PER_METRIC } from '../memory/metrics/series.js';
import { describeValue, type ErrorFactory } from '../options.js';

/** A longer text is the name of a series that has no row of its own, so it is not kept. */
const MOST_KEY = 1024;

type Given = Readonly<Record<string, unknown>>;

export class LabelledSeries<T> {
  readonly #names: readonly string[];
  readonly #make: (labels: Labels) => T;
  readonly #fault: ErrorFactory;
  readonly #series = new Map<string, T>();

  /** @param make looks up the series in shared memory */
  constructor(names: readonly string[], make: (labels: Labels) => T, fault: ErrorFactory) {
    this.#names = names;
    this.#make = make;
    this.#fault = fault;
  }

  /**
   * @param method the name of the method that was called, for the error
   * @throws the error of `fault` when the labels are not exactly the declared ones, or no strings
   */
  of(method: string, labels: unknown): T {
    if (typeof labels !== 'object' || labels === null) throw this.#wrong(method, describeValue(labels));
    const given = labels as Given;
    const known = this.#series.get(this.#keyOf(method, given));
    this.#refuseOthers(method, given);
    if (known !== undefined) return known;
    // A getter may return another value each time. Those that are copied now are the ones that are used.
    const copy = Object.fromEntries(this.#names.map((name) => [name, given[name]]));
    const key = this.#keyOf(method, copy);
    const series = this.#series.get(key) ?? this.#make(copy as Labels);
    if (this.#series.size < SERIES_PER_METRIC && key.length <= MOST_KEY) this.#series.set(key, series);
    return series;
  }

  #keyOf(method: string, given: Given): string {
    let key = '';
    for (const name of this.#names) {
      const value = Object.hasOwn(given, name) ? given[name] : undefined;
      if (typeof value !== 'string') {
        throw this.#wrong(method, `${describeValue(value)} for label ${name}`);
      }
      key += `${value.length}:${value}`;
    }
    return key;
  }

  #refuseOthers(method: string, given: object): void {
    const names = Object.keys(given);
    if (names.length === this.#names.length) return;
    const other = names.find((name) => !this.#names.includes(name));
    throw this.#wrong(method, `a label ${describeValue(other)} that is not declared`);
  }

  #wrong(method: string, given: string): Error {
    const wanted =
      this.#names.length === 0 ? 'no labels' : `strings for the labels ${this.#names.join(', ')}`;
    return this.#fault(`${method} takes ${wanted} behind the number, not ${given}`);
  }
}
