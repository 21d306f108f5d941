// Counts of the last seconds. A reading puts what was counted since the reading before into the newest of ten
// parts, and drops the oldest part. Where readings are far apart, parts that the window does not need for its
// length are dropped sooner. A reading takes several turns of the event loop, and the time of its part is
// known at its end: until then the window has the parts before. What is not counted costs nothing: only
// counts that the window holds are looked at when a part is dropped.
import { HISTOGRAM_EDGES_US, quantile } from '../../memory/metrics/histogram.js';

/** Parts of the window, one for each reading. */
export const PARTS = 10;
/** A part is dropped when the parts behind it are as long as this. */
const ENOUGH_MS = 10_000;

/** What the windows of one source have in common: the times of the readings, and which counts to drop. */
export class WindowClock {
  /** When each part began, in milliseconds. */
  readonly #began = new Float64Array(PARTS);
  readonly #active = new Set<WindowCount | WindowHistogram>();
  #part = 0;
  #parts = 0;
  #endedAt = 0;
  #isBase = true;
  #isReading = false;

  /** The part that counts are put into now. */
  get part(): number {
    return this.#part;
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
    while (this.#parts > 1 && this.#lengthFrom(this.#parts - 1) >= ENOUGH_MS) {
      this.#drop(this.#partFrom(this.#parts));
      this.#parts -= 1;
    }
    this.#part = (this.#part + 1) % PARTS;
    this.#parts = Math.min(PARTS, this.#parts + 1);
    this.#began[this.#part] = this.#endedAt;
    this.#drop(this.#part);
  }

  /** @param at the time of the reading, in milliseconds above 0 */
  end(at: number): void {
    this.#endedAt = at;
    this.#isReading = false;
  }

  /** The count has something in the window. */
  activate(count: WindowCount | WindowHistogram): void {
    this.#active.add(count);
  }

  #drop(part: number): void {
    for (const count of this.#active) if (count.drop(part)) this.#active.delete(count);
  }

  /** @param nth 1 is the newest part */
  #partFrom(nth: number): number {
    return (this.#part - nth + 1 + PARTS) % PARTS;
  }

  /** The milliseconds of the newest parts. */
  #lengthFrom(nth: number): number {
    return Math.max(0, this.#endedAt - this.#began[this.#partFrom(nth)]!);
  }
}

/** A number of events. */
export class WindowCount {
  readonly #clock: WindowClock;
  #parts: Float64Array | undefined;
  /** Since the start of the process. */
  total = 0;
  /** In all parts. */
  #recent = 0;

  constructor(clock: WindowClock) {
    this.#clock = clock;
  }

  add(n: number): void {
    this.total += n;
    if (this.#clock.isBase) return;
    this.#parts ??= new Float64Array(PARTS);
    this.#parts[this.#clock.part] = this.#parts[this.#clock.part]! + n;
    this.#recent += n;
    this.#clock.activate(this);
  }

  /** In the window. */
  get recent(): number {
    const { isReading, part } = this.#clock;
    return isReading ? this.#recent - (this.#parts?.[part] ?? 0) : this.#recent;
  }

  get perSecond(): number {
    const { seconds } = this.#clock;
    return seconds === 0 ? 0 : this.recent / seconds;
  }

  /** @returns whether nothing is left in the window */
  drop(part: number): boolean {
    const parts = this.#parts!;
    this.#recent -= parts[part]!;
    parts[part] = 0;
    return this.#recent === 0;
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
    this.#recent[cell] = this.#recent[cell]! + n;
    this.#parts[this.#clock.part]!.push(cell, n);
    this.#clock.activate(this);
  }

  /** Counts in the window. */
  get recent(): Float64Array {
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
    const { part } = this.#clock;
    this.#longest[part] = Math.max(this.#longest[part]!, us);
    this.#clock.activate(this);
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

  /** A quantile of the windows of several in milliseconds; null when nothing was counted. */
  static quantileMs(all: readonly WindowHistogram[], q: number): number | null {
    const some = all.filter(({ count }) => count.recent > 0);
    if (some.length <= 1) return some[0]?.quantileMs(q) ?? null;
    const sum = new Float64Array(CELLS);
    let mostUs = 0;
    for (const one of some) {
      const { recent } = one;
      for (let cell = 0; cell < CELLS; cell++) sum[cell] = sum[cell]! + recent[cell]!;
      mostUs = Math.max(mostUs, one.#mostUs(recent));
    }
    return quantile(sum, q, mostUs) / 1000;
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

  drop(part: number): boolean {
    const counted = this.#parts[part]!;
    take(this.#recent, counted);
    counted.length = 0;
    this.#longest[part] = 0;
    return this.#parts.every(({ length }) => length === 0) && this.#longest.every((us) => us === 0);
  }
}

/** @param counted cell, count, cell, count … */
function take(cells: Float64Array, counted: readonly number[]): void {
  for (let at = 0; at < counted.length; at += 2) {
    const cell = counted[at]!;
    cells[cell] = cells[cell]! - counted[at + 1]!;
  }
}
