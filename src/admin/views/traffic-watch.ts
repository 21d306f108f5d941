// Reads the traffic: every second while a client looks at it, or has looked in the last 15 s, and otherwise
// every 15 s. So a client that looks once, after a pause of any length, gets the counts of the last seconds.
import type { SeriesMemory } from '../../memory/metrics/series-memory.js';
import { SeriesWatch } from '../../memory/metrics/series-watch.js';
import { Pace, type Rest } from '../../telemetry/pace.js';
import { WindowClock } from './sliding-window.js';
import { Traffic } from './traffic.js';

export const READ_EVERY_MS = 1_000;
/** The time between two readings while no client looks. */
export const SAMPLE_EVERY_MS = 15_000;
/** A client waits for a second reading where the window would be shorter than this. */
export const FIRST_WINDOW_MS = 500;
const LOOKED_AT_MS = 15_000;

export interface TrafficWatchOptions {
  readonly memory: Pick<SeriesMemory, 'all'>;
  /**
   * Totals that are not in the memory of series: by metric, which is one of those that `Traffic` counts by a
   * label, and by that label.
   */
  readonly totals?: () => Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Called after each few series. @default the pace of the thread */
  readonly rest?: Rest;
  /** Milliseconds. @default performance.now() */
  readonly clock?: () => number;
  /** @returns a function that cancels the timer. @default setTimeout, which keeps no process alive */
  readonly later?: (work: () => void, ms: number) => () => void;
}

/** The series that are being followed. */
interface Following {
  readonly window: WindowClock;
  readonly traffic: Traffic;
  readonly watch: SeriesWatch;
  /** The reading that runs now. */
  reading: Promise<void> | undefined;
  /** Resolves with the first reading after a client has begun to look. */
  begun: Promise<void>;
  /** Resolves when there is a window as well. */
  measured: Promise<void>;
  /** The window is not there yet, so no timer is needed. */
  isMeasuring: boolean;
}

const timer = (work: () => void, ms: number): (() => void) => {
  const one = setTimeout(work, ms).unref();
  return () => clearTimeout(one);
};

export class TrafficWatch {
  readonly #options: TrafficWatchOptions;
  readonly #clock: () => number;
  readonly #later: NonNullable<TrafficWatchOptions['later']>;
  #following: Following | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #cancel = (): void => undefined;

  constructor(options: TrafficWatchOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
    this.#later = options.later ?? timer;
  }

  /** Whether the series are read every second now. */
  get isLookedAt(): boolean {
    return this.#following !== undefined && this.#clock() - this.#lookedAt <= LOOKED_AT_MS;
  }

  /** Begins to read every 15 s, so that the first client that looks finds a window. */
  begin(): void {
    this.#following ??= this.#start();
  }

  /**
   * A client looks at rates.
   * @returns the traffic, once there is a window. When nothing was read before, that takes half a second
   */
  async look(): Promise<Traffic> {
    const { measured, traffic } = this.#look();
    await measured;
    return traffic;
  }

  /** As `look`, but does not wait for a window: when nothing was read before, all rates are 0. */
  async lookAtOnce(): Promise<Traffic> {
    const { begun, traffic } = this.#look();
    await begun;
    return traffic;
  }

  close(): void {
    this.#cancel();
    this.#following = undefined;
  }

  #look(): Following {
    const wasLookedAt = this.isLookedAt;
    this.#lookedAt = this.#clock();
    this.#following ??= this.#start();
    if (!wasLookedAt && !this.#following.isMeasuring) this.#wake(this.#following);
    return this.#following;
  }

  #start(): Following {
    const { memory, rest = new Pace().rest } = this.#options;
    const window = new WindowClock();
    const traffic = new Traffic(window);
    const watch = new SeriesWatch({ memory, rest, follow: traffic.follow });
    const [begun, measured] = [Promise.resolve(), Promise.resolve()];
    const one = { window, traffic, watch, reading: undefined, begun, measured, isMeasuring: false };
    this.#readAndGoOn(one);
    return one;
  }

  /** Reads at once: a reading that runs is shared. */
  #wake(one: Following): void {
    one.isMeasuring = true;
    one.begun = this.#read(one);
    one.measured = this.#measure(one);
    // A failure is that of the clients which wait; the next one starts again.
    one.begun.catch(() => undefined);
    one.measured.then(
      () => {
        one.isMeasuring = false;
        this.#goOn(one);
      },
      () => this.#drop(one),
    );
  }

  async #measure(one: Following): Promise<void> {
    await one.begun;
    if (one.window.seconds * 1000 >= FIRST_WINDOW_MS) return;
    await new Promise<void>((resolve) => this.#after(FIRST_WINDOW_MS, resolve));
    await this.#read(one);
  }

  #goOn(one: Following): void {
    if (this.#following !== one || one.isMeasuring) return;
    this.#after(this.isLookedAt ? READ_EVERY_MS : SAMPLE_EVERY_MS, () => this.#readAndGoOn(one));
  }

  #readAndGoOn(one: Following): void {
    this.#read(one).then(
      () => this.#goOn(one),
      () => this.#drop(one),
    );
  }

  #drop(one: Following): void {
    if (this.#following === one) this.close();
  }

  /** Replaces the timer that runs. */
  #after(ms: number, work: () => void): void {
    this.#cancel();
    this.#cancel = this.#later(() => {
      this.#cancel = () => undefined;
      work();
    }, ms);
  }

  #read(one: Following): Promise<void> {
    one.reading ??= this.#readAll(one).finally(() => {
      one.reading = undefined;
    });
    return one.reading;
  }

  async #readAll({ window, watch, traffic }: Following): Promise<void> {
    window.begin();
    await watch.read();
    for (const [metric, byLabel] of Object.entries(this.#options.totals?.() ?? {}))
      for (const [label, total] of Object.entries(byLabel)) traffic.reached(metric, label, total);
    window.end(this.#clock());
  }
}
