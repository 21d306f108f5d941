// How much processes admit of what one limiter with the whole limit would admit of the same requests, for any
// limit, any number of processes, and wherever the requests come.
import { expect } from 'chai';
import { newSeed, seeded } from '#test/support/random.js';
import { World } from './simulation/world.js';

const SECOND = 1_000;
const CASES = 6;
/** Nothing is counted for this time, and that of so many permits: the members have to divide the limit. */
const SETTLED = 60 * SECOND;
const SETTLED_PERMITS = 60;
const COUNTED = 60 * SECOND;
const COUNTED_PERMITS = 200;

interface Case {
  readonly perSecond: number;
  readonly burst: number;
  /** What is asked for at each process, in parts of N. */
  readonly demands: readonly number[];
}

/** One limiter with the whole limit, by virtual scheduling. */
class OneLimiter {
  admitted = 0;
  readonly #intervalMs: number;
  readonly #most: number;
  #next = 0;

  constructor({ perSecond, burst }: Case) {
    this.#intervalMs = SECOND / perSecond;
    this.#most = (burst - 1) * this.#intervalMs;
  }

  take(now: number, isCounted: boolean): void {
    if (this.#next - now > this.#most) return;
    this.#next = Math.max(this.#next, now) + this.#intervalMs;
    if (isCounted) this.admitted += 1;
  }
}

/** The part that processes admit of what one limiter admits, with requests that come at random. */
function admittedPart(one: Case, seed: number): number {
  const { perSecond, burst, demands } = one;
  const world = new World({ seed, limits: [{ perSecond, burst }] });
  const { timeline, random, ledgers } = world;
  const limiter = new OneLimiter(one);
  const intervalMs = SECOND / perSecond;
  const settled = Math.max(SETTLED, SETTLED_PERMITS * intervalMs);
  let before = 0;
  timeline.in(settled, () => {
    before = ledgers[0]!.admitted;
  });
  for (const demand of demands) {
    const process = world.start(Number.MAX_SAFE_INTEGER);
    const pause = (): number => (-Math.log(1 - random()) * intervalMs) / demand;
    const request = (): void => {
      const { now } = timeline;
      limiter.take(now, now >= settled);
      if (process.cells[0]!.take('key 0') > 0) ledgers[0]!.admit(now);
      timeline.in(pause(), request);
    };
    if (demand > 0) timeline.in(10 * SECOND + pause(), request);
  }
  timeline.run(settled + Math.max(COUNTED, COUNTED_PERMITS * intervalMs));
  expect(world.excess).to.be.at.most(0);
  // One permit more: that of one limiter may come just before the end, and that of the processes just behind.
  return (ledgers[0]!.admitted - before + 1) / limiter.admitted;
}

const SKEWS: Readonly<Record<string, readonly number[]>> = {
  'one of them': [1],
  'two of them, nine tenths to one': [0.9, 0.1],
};

describe('limits over processes, beside one limiter for all', () => {
  const seed = newSeed();

  for (const [where, parts] of Object.entries(SKEWS)) {
    it(`admit more than half of what that admits when all comes to ${where} (seed ${seed})`, () => {
      const random = seeded(seed);
      const between = (least: number, most: number): number => least * (most / least) ** random();
      for (let n = 0; n < CASES; n++) {
        const perSecond = between(5 / 60, 200);
        const count = Math.round(between(2, 20));
        const burst = Math.round(between(5, 200));
        const load = between(0.3, 3);
        const demands = Array.from({ length: count }, (_, index) => load * (parts[index] ?? 0));
        const part = admittedPart({ perSecond, burst, demands }, seed + n);
        const title = `${perSecond} per second, burst ${burst}, ${demands.join(' ')}`;
        expect(part, title).to.be.above(0.5);
      }
    }).timeout(180_000);
  }

  it(`admit most of what that admits when four fifths of N come to one process (seed ${seed})`, () => {
    for (const [perSecond, burst, count] of [
      [100, 100, 3],
      [10, 10, 12],
      [1, 60, 3],
    ] as const) {
      const demands = Array.from({ length: count }, (_, index) => (index === 0 ? 0.8 : 0));
      expect(admittedPart({ perSecond, burst, demands }, seed), `${perSecond} per second`).to.be.above(0.9);
    }
  }).timeout(180_000);
});
