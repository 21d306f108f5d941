// A series as totals.ts reads it: its rows, which several threads have, are added up anew in each reading.
import { HISTOGRAM_CELLS, WIDE } from '../layout.js';
import type { Exemplar, Labels, MetricKind } from './recorder.js';
import { boundsOfKind, type Identity, labelsOf } from './series-identity.js';
import { CELL_WORDS, CELLS, LONGEST, ROW_BYTES, VALUE } from './series-rows.js';
import { finite, loadWide } from './wide.js';

/** The sum of a series in one reading. It is a `SeriesTotal` when the reading is over. */
export interface Sum {
  readonly metric: string;
  readonly kind: MetricKind;
  readonly labels: Labels;
  value: number;
  readonly cells: number[] | undefined;
  readonly bounds?: readonly number[];
  longest?: number;
  exemplars?: readonly (Exemplar | undefined)[];
}

/** The sums of all series that one reading has found so far. */
export type Reading = Sum[];

/** The memory of a slot, as far as it had grown when the views were made. */
export interface Views {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
}

export class ReadSeries {
  readonly metric: string;
  readonly #kind: MetricKind;
  readonly #labels: Labels;
  readonly #bounds: readonly number[] | undefined;
  /** Whether its rows have a floating-point number, and not a count. */
  readonly #isNumber: boolean;
  /** The cells of a row that can have counts. */
  readonly #cells: number;
  readonly #isHistogram: boolean;
  #reading: Reading | undefined;
  #sum: Sum;

  constructor({ kind, metric, rest }: Identity) {
    const bounds = boundsOfKind(kind);
    this.#isHistogram = kind === 'histogram' || bounds !== undefined;
    this.metric = metric;
    this.#kind = this.#isHistogram ? 'histogram' : (kind as MetricKind);
    this.#labels = labelsOf(rest);
    this.#bounds = bounds;
    this.#isNumber = kind === 'gauge' || bounds !== undefined;
    this.#cells = this.#isHistogram ? (bounds === undefined ? HISTOGRAM_CELLS : bounds.length + 1) : 0;
    this.#sum = this.#zero();
  }

  /** Whether something was added in a reading. */
  isOf(reading: Reading): boolean {
    return this.#reading === reading;
  }

  /** The sum of a reading. It is a new object, because that of the reading before may still be in use. */
  of(reading: Reading): Sum {
    if (this.#reading !== reading) {
      this.#reading = reading;
      this.#sum = this.#zero();
      reading.push(this.#sum);
    }
    return this.#sum;
  }

  /** Adds the row that begins at a word. @returns the sum so far */
  add(reading: Reading, { words, doubles }: Views, at: number): Sum {
    const sum = this.of(reading);
    const value = this.#isNumber ? doubles[(at + VALUE) / WIDE]! : loadWide(doubles, (at + VALUE) / WIDE);
    sum.value = finite(sum.value + value);
    const { cells } = sum;
    if (cells === undefined) return sum;
    const first = at + ROW_BYTES / 4;
    // Code of a service may have overwritten the row.
    if (words[at + CELLS] === CELL_WORDS && first + CELL_WORDS <= words.length) {
      for (let cell = 0; cell < this.#cells; cell++) {
        cells[cell] = cells[cell]! + loadWide(doubles, first / WIDE + cell);
      }
    }
    if (this.#bounds === undefined) {
      sum.longest = Math.max(sum.longest ?? 0, loadWide(doubles, (at + LONGEST) / WIDE));
    }
    return sum;
  }

  #zero(): Sum {
    const bounds = this.#bounds;
    return {
      metric: this.metric,
      kind: this.#kind,
      labels: this.#labels,
      value: 0,
      cells: this.#isHistogram ? new Array<number>(HISTOGRAM_CELLS).fill(0) : undefined,
      ...(bounds !== undefined && { bounds }),
    };
  }
}
