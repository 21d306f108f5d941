// The cells of one series, as the thread that owns the row counts in them.
import { WIDE } from '../layout.js';
import { writeExemplar } from './exemplars.js';
import { cellOf } from './histogram.js';
import type { Counter, Distribution, Gauge, TracedHistogram, TraceIdentity } from './recorder.js';
import { addAndStore, addBoth, addWide, finite, loadNumber, raiseWide, storeNumber } from './wide.js';

export class CountCells implements Counter, TracedHistogram {
  readonly #value: Int32Array;
  readonly #cells: Int32Array;
  /**
   * The longest duration that this object has recorded. The row may have a longer one from an earlier thread.
   */
  #longest = 0;
  /** Looks up the cells of the exemplars, which are made with the first one. */
  readonly #exemplarCells: () => Int32Array | undefined;
  #exemplars: Int32Array | undefined;
  #hasExemplars = true;

  constructor(value: Int32Array, cells: Int32Array, exemplarCells: () => Int32Array | undefined) {
    this.#value = value;
    this.#cells = cells;
    this.#exemplarCells = exemplarCells;
  }

  add(n = 1): void {
    addWide(this.#value, 0, n);
  }

  /** What is cut off by a full stack, or by V8, has counted nothing and may be called again. */
  record(microseconds: number, trace?: TraceIdentity): void {
    // Rounded once, so that cell, sum and exemplar belong to the same duration.
    const us = microseconds < 0 ? 0 : Math.round(microseconds);
    if (us > this.#longest) this.#raise(us);
    if (trace !== undefined && this.#hasExemplars) this.#keep(us, trace);
    // The count is the last step, because the steps before it may be repeated.
    addBoth(this.#cells, cellOf(us) * WIDE, 1, this.#value, 0, us);
  }

  #keep(us: number, trace: TraceIdentity): void {
    this.#exemplars ??= this.#exemplarCells();
    if (this.#exemplars === undefined) this.#hasExemplars = false;
    else writeExemplar(this.#exemplars, us, trace, Date.now());
  }

  /** Called before the duration is counted, so that no counted duration is ever longer than the longest. */
  #raise(us: number): void {
    raiseWide(this.#value, WIDE, us);
    this.#longest = us;
  }
}

export class GaugeCells implements Gauge {
  readonly #value: Int32Array;

  constructor(value: Int32Array) {
    this.#value = value;
  }

  set(value: number): void {
    storeNumber(this.#value, 0, value);
  }

  add(n: number): void {
    const sum = loadNumber(this.#value, 0) + n;
    storeNumber(this.#value, 0, finite(sum));
  }
}

/** A histogram with buckets of its own: a cell per bucket, and the sum as a floating-point number. */
export class BucketCells implements Distribution {
  readonly #sum: Float64Array;
  readonly #cells: Int32Array;
  readonly #bounds: Float64Array;

  constructor(sum: Int32Array, cells: Int32Array, bounds: readonly number[]) {
    this.#sum = new Float64Array(sum.buffer, sum.byteOffset, 1);
    this.#cells = cells;
    this.#bounds = Float64Array.from(bounds);
  }

  /** What is cut off by a full stack, or by V8, has counted nothing. */
  record(value: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && value > this.#bounds[bucket]!) bucket++;
    addAndStore(this.#cells, bucket * WIDE, 1, this.#sum, finite(this.#sum[0]! + value));
  }
}
