// When a thread that could not load a tasks module is replaced. Node.js never tries again in the same thread,
// so a fault of a moment would stay there. A module that can never be loaded must not cost a thread for each
// task: until it was loaded once more, threads are replaced for it ever more rarely.

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

  /** The module was loaded. */
  loaded(module: string): void {
    this.#windows.delete(module);
  }

  #windowOf(module: string): Window {
    const now = this.#now();
    const last = this.#windows.get(module);
    if (last !== undefined && now - last.from < last.ms) return last;
    const ms = last === undefined ? FIRST_MS : Math.min(2 * last.ms, MOST_MS);
    const window = { from: now, ms, replaced: 0 };
    this.#windows.set(module, window);
    return window;
  }
}
