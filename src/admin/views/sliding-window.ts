// Counts of the last seconds. A reading puts what was counted since the reading before into the newest of ten
// parts, and the oldest part leaves the window. Where readings are far apart, parts that the window does not
// need for its length leave it sooner. A reading takes several turns of the event loop, and the time of its
// part is known at its end: until then the window has the parts before. There may be ten thousands of counts,
// so each removes its old parts by itself, when it is used next.
import { HISTOGRAM_EDGES_US, quantile } from '../../memory/metrics/histogram.js';
import { eachInTurns } from '../../telemetry/pace.js';

/** Parts of the window, one for each reading. */
export const PARTS = 10;
/** A part leaves the window when the parts behind it are as long as this. */
const ENOUGH_MS = 10_000;

/** What the windows of one source have in common: the times of the readings, and which parts they have. */
export class WindowClock {
  /** When each part began, in milliseconds, by its place in the ring. */
  readonly #began = new Float64Array(PARTS);
  /** Parts are numbered; the remainder by PARTS is the place of a part in the ring. */
  #newest = 0;
  #parts = 0;
  #endedAt = 0;
  #isBase = true;
  #isReading = false;

  /** The place of the part that counts are put into now. */
  get part(): number {
    return this.#newest % PARTS;
  }

  /** The number of the oldest part in the window. Counts of earlier parts are not in it any more. */
  get oldest(): number {
    return this.#newest - this.#parts + 1;
  }

  /** Whether the first reading is under way: what it finds was counted before, so no window has it. */
  get isBase(): boolean {
    return this.#isBase;
  }

  /** Whether a reading is under way: the window does not have its part yet. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** The length of the window; 0 before the second reading. */
  get seconds(): number {
    return this.#parts === 0 ? 0 : this.#lengthFrom(this.#parts) / 1000;
  }

  /** A reading begins: its part takes the place of the oldest one. */
  begin(): void {
    this.#isReading = true;
    if (this.#endedAt === 0) return;
    this.#isBase = false;
    while (this.#parts > 1 && this.#lengthFrom(this.#parts - 1) >= ENOUGH_MS) this.#parts -= 1;
    this.#newest += 1;
    this.#parts = Math.min(PARTS, this.#parts + 1);
    this.#began[this.part] = this.#endedAt;
  }

  /** @param at the time of the reading, in milliseconds above 0 */
  end(at: number): void {
    this.#endedAt = at;
    this.#isReading = false;
  }

  /** The milliseconds of the newest parts. @param parts at least 1 */
  #lengthFrom(parts: number): number {
    return Math.max(0, this.#endedAt - this.#began[(this.#newest - parts + 1) % PARTS]!);
  }
}

/** The first part that a count has to remove, when the oldest part of the window was another one before. */
const firstGone = (oldestBefore: number, oldest: number): number => Math.max(oldestBefore, oldest - PARTS);

/** A number of events. */
export class WindowCount {
  readonly #clock: WindowClock;
  #parts: Float64Array | undefined;
  /** Since the start of the process. */
  total = 0;
  /** In all parts. */
  #recent = 0;
  /** The oldest part of the window when the count was used last. */
  #oldest = 0;

  constructor(clock: WindowClock) {
    this.#clock = clock;
  }

  add(n: number): void {
    this.total += n;
    if (this.#clock.isBase) return;
    this.#settle();
    this.#parts ??= new Float64Array(PARTS);
    this.#parts[this.#clock.part] = this.#parts[this.#clock.part]! + n;
    this.#recent += n;
  }

  /** In the window. */
  get recent(): number {
    this.#settle();
    const { isReading, part } = this.#clock;
    return isReading ? this.#recent - (this.#parts?.[part] ?? 0) : this.#recent;
  }

  get perSecond(): number {
    const { seconds } = this.#clock;
    return seconds === 0 ? 0 : this.recent / seconds;
  }

  /** Removes the parts that have left the window. */
  #settle(): void {
    const { oldest } = this.#clock;
    const parts = this.#parts;
    if (parts !== undefined && this.#recent > 0) {
      for (let gone = firstGone(this.#oldest, oldest); gone < oldest; gone++) {
        this.#recent -= parts[gone % PARTS]!;
        parts[gone % PARTS] = 0;
      }
    }
    this.#oldest = oldest;
  }
}

const CELLS = HISTOGRAM_EDGES_US.length + 1;
/** The lower edge of the last cell, which has no upper one: an hour. */
const LAST_EDGE_US = HISTOGRAM_EDGES_US.at(-1)!;

/** Durations by the cells of histogram.ts. */
export class WindowHistogram {
  readonly #clock: WindowClock;
  /** Counts since the start of the process. */
  readonly total = new Float64Array(CELLS);
  /** Counts in all parts. */
  readonly #recent = new Float64Array(CELLS);
  /** What each part has counted: cell, count, cell, count … */
  readonly #parts: number[][] = Array.from({ length: PARTS }, () => []);
  /** The longest duration that a thread has reached in each part, where it was the longest of the thread. */
  readonly #longest = new Float64Array(PARTS);
  readonly count: WindowCount;
  /** The oldest part of the window when the histogram was used last. */
  #oldest = 0;
  /** The longest duration since the start of the process, in microseconds. */
  longestUs = 0;

  constructor(clock: WindowClock) {
    this.#clock = clock;
    this.count = new WindowCount(clock);
  }

  record(cell: number, n: number): void {
    if (cell >= CELLS) return;
    this.total[cell] = this.total[cell]! + n;
    this.count.add(n);
    if (this.#clock.isBase) return;
    this.#settle();
    this.#recent[cell] = this.#recent[cell]! + n;
    this.#parts[this.#clock.part]!.push(cell, n);
  }

  /** Counts in the window. */
  get recent(): Float64Array {
    this.#settle();
    const { isReading, part } = this.#clock;
    const open = this.#parts[part]!;
    if (!isReading || open.length === 0) return this.#recent;
    const recent = this.#recent.slice();
    take(recent, open);
    return recent;
  }

  reach(us: number): void {
    this.longestUs = Math.max(this.longestUs, us);
    if (this.#clock.isBase) return;
    this.#settle();
    const { part } = this.#clock;
    this.#longest[part] = Math.max(this.#longest[part]!, us);
  }

  /**
   * No duration of the window is longer, as far as that is known: one in the last cell that is shorter than
   * an earlier one of its thread counts as an hour.
   * @param recent the counts in the window
   */
  #mostUs(recent: Float64Array): number {
    if (recent[CELLS - 1] === 0) return Math.min(this.longestUs, LAST_EDGE_US);
    return Math.max(LAST_EDGE_US, ...this.#longest);
  }

  /**
   * A quantile of the windows of several in milliseconds; null when nothing was counted. There may be ten
   * thousand of them, so they are added up in turns of the event loop.
   */
  static async quantileMs(all: Iterable<WindowHistogram>, q: number): Promise<number | null> {
    const sum = new Float64Array(CELLS);
    let [isEmpty, mostUs] = [true, 0];
    await eachInTurns(all, (one) => {
      if (one.count.recent === 0) return;
      isEmpty = false;
      const { recent } = one;
      for (let cell = 0; cell < CELLS; cell++) sum[cell] = sum[cell]! + recent[cell]!;
      mostUs = Math.max(mostUs, one.#mostUs(recent));
    });
    return isEmpty ? null : quantile(sum, q, mostUs) / 1000;
  }

  /** A quantile of the window in milliseconds; null when nothing was counted. */
  quantileMs(q: number): number | null {
    if (this.count.recent === 0) return null;
    const { recent } = this;
    return quantile(recent, q, this.#mostUs(recent)) / 1000;
  }

  /** A quantile since the start of the process; null when nothing was counted. */
  totalQuantileMs(q: number): number | null {
    return this.count.total === 0 ? null : quantile(this.total, q, this.longestUs) / 1000;
  }

  /**
   * The longest duration of the window, up to the width of its cell: the upper edge of the highest cell that
   * is not empty, or the longest duration of all when that is less. The last cell has no upper edge.
   */
  get maxMs(): number | null {
    return this.quantileMs(1);
  }

  /** Removes the parts that have left the window. */
  #settle(): void {
    const { oldest } = this.#clock;
    for (let gone = firstGone(this.#oldest, oldest); gone < oldest; gone++) {
      const counted = this.#parts[gone % PARTS]!;
      take(this.#recent, counted);
      counted.length = 0;
      this.#longest[gone % PARTS] = 0;
    }
    this.#oldest = oldest;
  }
}

/** @param counted cell, count, cell, count … */
function take(cells: Float64Array, counted: readonly number[]): void {
  for (let at = 0; at < counted.length; at += 2) {
    const cell = counted[at]!;
    cells[cell] = cells[cell]! - counted[at + 1]!;
  }
}
