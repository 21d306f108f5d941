// By how much a total has risen in the last seconds, from the moments at which it was looked at.

const WINDOW_MS = 10_000;
/** A total that is looked at more often replaces the last sample. */
const APART_MS = 500;

interface Sample {
  readonly at: number;
  readonly total: number;
}

export class RecentRise {
  #samples: Sample[] = [];

  /** @param at milliseconds @returns the rise since the oldest sample of the window; 0 for the first one */
  of(total: number, at: number): number {
    const recent = this.#samples.filter((sample) => at - sample.at <= WINDOW_MS);
    const last = recent.at(-1);
    if (last === undefined || at - last.at >= APART_MS) recent.push({ at, total });
    this.#samples = recent;
    return Math.max(0, total - recent[0]!.total);
  }
}
