import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { fillSecret } from '#src/memory/keyed-hash.js';
import { until } from '../support/until.js';
import type { Admissions, RateHammering } from './rate-hammer.js';
import { expectLawful } from './rate-law.js';

const THREADS = 4;
/** The clocks of the threads differ by less than this. */
const SKEW_MS = 0.02;

type Load = Pick<RateHammering, 'keys' | 'intervalMs' | 'burst' | 'forMs'> & { readonly buckets: number };

interface Outcome {
  readonly admitted: Admissions;
  readonly asked: number;
}

interface Started {
  readonly threads: readonly Worker[];
  /** Undefined when the thread was killed. */
  readonly outcomes: readonly Promise<Outcome | undefined>[];
  readonly control: Int32Array;
}

function start({ buckets, ...load }: Load): Started {
  const secret = new SharedArrayBuffer(8);
  fillSecret(new Int32Array(secret));
  const shared = {
    ...load,
    secret,
    memory: new SharedArrayBuffer(buckets * 64),
    control: new SharedArrayBuffer(16),
    epochNs: process.hrtime.bigint(),
    threads: THREADS,
  };
  const threads = Array.from({ length: THREADS }, (_, index) => {
    const workerData: RateHammering = { ...shared, seed: 7919 * (index + 1) };
    return new Worker(new URL('./rate-hammer.js', import.meta.url), { workerData });
  });
  const outcomes = threads.map(async (thread) => {
    let outcome: Outcome | undefined;
    thread.once('message', (message: Outcome) => {
      outcome = message;
    });
    await once(thread, 'exit');
    return outcome;
  });
  return { threads, outcomes, control: new Int32Array(shared.control) };
}

/** @returns admissions of each key, over all threads that have reported theirs */
function merged(outcomes: readonly (Outcome | undefined)[], keys: number): number[][] {
  const reports = outcomes.filter((outcome) => outcome !== undefined);
  return Array.from({ length: keys }, (_, key) => reports.flatMap(({ admitted }) => admitted[key]!));
}

const LOADS: readonly (readonly [string, Load])[] = [
  ['one key of all', { buckets: 1, keys: 1, intervalMs: 0.05, burst: 10, forMs: 400 }],
  ['a burst of one', { buckets: 1, keys: 1, intervalMs: 0.2, burst: 1, forMs: 400 }],
  ['rows that change hands all the time', { buckets: 1, keys: 24, intervalMs: 0.01, burst: 2, forMs: 600 }],
  ['more keys than rows', { buckets: 2, keys: 40, intervalMs: 1, burst: 5, forMs: 600 }],
];

describe('rate table under four threads', () => {
  for (const [name, load] of LOADS) {
    it(`admits in no interval more than the limit: ${name}`, async () => {
      const { outcomes } = start(load);
      const reports = await Promise.all(outcomes);
      expect(reports.filter((one) => one !== undefined)).to.have.length(THREADS);
      const histories = merged(reports, load.keys);
      // The tolerance is the difference between the clocks of the threads.
      const { intervalMs, burst } = load;
      for (const [key, times] of histories.entries()) {
        expectLawful(times, { intervalMs, burst, slackMs: SKEW_MS }, `key ${key}`);
      }
      const admitted = histories.reduce((sum, { length }) => sum + length, 0);
      expect(admitted).to.be.above(10);
    });
  }

  it('continues to work when threads are killed in the middle of any operation', async () => {
    const load = { buckets: 1, keys: 24, intervalMs: 0.01, burst: 2, forMs: 600_000 };
    const { threads, outcomes, control } = start(load);
    const admissions = (atLeast: number): Promise<number> =>
      until(
        () => Atomics.load(control, 1),
        (count) => count >= atLeast,
      );
    const before = await admissions(10_000);
    await Promise.all(threads.slice(0, 2).map((thread) => thread.terminate()));
    const killed = Atomics.load(control, 1);
    const after = await admissions(killed + 10_000);
    Atomics.store(control, 2, 1);
    expect([before >= 10_000, after >= killed + 10_000]).to.deep.equal([true, true]);
    const reports = await Promise.all(outcomes);
    expect(reports.filter((one) => one !== undefined)).to.have.length(2);
    const { intervalMs, burst } = load;
    for (const times of merged(reports, load.keys))
      expectLawful(times, { intervalMs, burst, slackMs: SKEW_MS });
  });
});
