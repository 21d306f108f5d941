// When a thread that could not load a tasks module is replaced. Node.js never tries again in the same thread,
// so a fault of a moment would stay there. A module that can never be loaded must not cost a thread for each
// task: as long as it fails, threads are replaced for it ever more rarely.

const FIRST_MS = 1_000;
const MOST_MS = 30_000;

interface Window {
  from: number;
  ms: number;
  replaced: number;
}

export class LoadFailures {
  readonly #windows = new Map<string, Window>();
  readonly #now: () => number;

  /** @param now the clock, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Call when a thread could not load the module.
   * @param threads how many threads may be replaced within a window: a second, doubled each time up to 30 s
   * @returns whether the thread is to be replaced
   */
  mayReplace(module: string, threads: number): boolean {
    const window = this.#windowOf(module);
    if (window.replaced >= threads) return false;
    window.replaced += 1;
    return true;
  }

  #windowOf(module: string): Window {
    const now = this.#now();
    const last = this.#windows.get(module);
    const age = last === undefined ? Number.POSITIVE_INFINITY : now - last.from;
    if (last !== undefined && age < last.ms) return last;
    // It has not failed for as long as a window takes.
    const isAnew = last === undefined || age >= 2 * last.ms;
    const ms = isAnew ? FIRST_MS : Math.min(2 * last.ms, MOST_MS);
    const window = { from: now, ms, replaced: 0 };
    this.#windows.set(module, window);
    return window;
  }
}
