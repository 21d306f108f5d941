// Reads the traffic while a client looks at it: every second, as long as one has looked in the last 15 s.
// Afterwards everything is dropped, so a process that is not looked at pays nothing.
import type { SeriesMemory } from '../../memory/metrics/series-memory.js';
import { SeriesWatch } from '../../memory/metrics/series-watch.js';
import { WindowClock } from './sliding-window.js';
import { Traffic } from './traffic.js';

export const READ_EVERY_MS = 1_000;
/** The second reading follows the first one so soon, because its client waits for it. */
export const FIRST_WINDOW_MS = 500;
const LOOKED_AT_MS = 15_000;

export interface TrafficWatchOptions {
  readonly memory: Pick<SeriesMemory, 'all'>;
  /** Waits for the next turn of the event loop. */
  readonly pause: () => Promise<unknown>;
  /** Milliseconds. @default performance.now() */
  readonly clock?: () => number;
  /** @returns a function that cancels the timer. @default setTimeout, which keeps no process alive */
  readonly later?: (work: () => void, ms: number) => () => void;
}

/** What is kept while a client looks. */
interface Looking {
  readonly window: WindowClock;
  readonly traffic: Traffic;
  readonly watch: SeriesWatch;
  /** Resolves with the first reading. */
  readonly begun: Promise<void>;
  /** Resolves with the second reading. */
  readonly measured: Promise<void>;
}

const timer = (work: () => void, ms: number): (() => void) => {
  const one = setTimeout(work, ms).unref();
  return () => clearTimeout(one);
};

export class TrafficWatch {
  readonly #options: TrafficWatchOptions;
  readonly #clock: () => number;
  readonly #later: NonNullable<TrafficWatchOptions['later']>;
  #looking: Looking | undefined;
  #lookedAt = 0;
  #cancel = (): void => undefined;

  constructor(options: TrafficWatchOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
    this.#later = options.later ?? timer;
  }

  /** Whether the series are being read now. */
  get isReading(): boolean {
    return this.#looking !== undefined;
  }

  /**
   * A client looks at rates.
   * @returns the traffic, once there is a window. After a pause that takes half a second
   */
  async look(): Promise<Traffic> {
    const { measured, traffic } = this.#look();
    await measured;
    return traffic;
  }

  /** As `look`, but does not wait for the window: at first it is empty, and all rates are 0. */
  async lookAtOnce(): Promise<Traffic> {
    const { begun, traffic } = this.#look();
    await begun;
    return traffic;
  }

  close(): void {
    this.#cancel();
    this.#looking = undefined;
  }

  #look(): Looking {
    this.#lookedAt = this.#clock();
    this.#looking ??= this.#start();
    return this.#looking;
  }

  #start(): Looking {
    const { memory, pause } = this.#options;
    const window = new WindowClock();
    const traffic = new Traffic(window);
    const watch = new SeriesWatch({ memory, pause, follow: traffic.follow, clock: this.#clock });
    const begun = this.#read(window, watch);
    let isMeasured = (): void => undefined;
    let hasFailed = (_error: unknown): void => undefined;
    const measured = new Promise<void>((resolve, reject) => {
      isMeasured = resolve;
      hasFailed = reject;
    });
    // A failure is that of the clients which wait; without any, the next one starts again.
    measured.catch(() => undefined);
    const again = (): void => {
      if (this.#clock() - this.#lookedAt > LOOKED_AT_MS) {
        this.#looking = undefined;
        isMeasured();
        return;
      }
      this.#read(window, watch).then(() => {
        isMeasured();
        if (this.#looking?.watch === watch) this.#cancel = this.#later(again, READ_EVERY_MS);
      }, fail);
    };
    const fail = (error: unknown): void => {
      if (this.#looking?.watch === watch) this.#looking = undefined;
      hasFailed(error);
    };
    begun.then(() => {
      this.#cancel = this.#later(again, FIRST_WINDOW_MS);
    }, fail);
    return { window, traffic, watch, begun, measured };
  }

  async #read(window: WindowClock, watch: SeriesWatch): Promise<void> {
    window.begin();
    await watch.read();
    window.end(this.#clock());
  }
}
