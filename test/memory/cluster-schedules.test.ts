// Limits over several processes under schedules that real threads rarely meet, as rate-schedules.test.ts has
// them for those of one process. Here the share changes, too, at any atomic operation of a thread.
import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { KeyedHash } from '#src/memory/keyed-hash.js';
import { ClusterRates } from '#src/memory/rate/cluster-rates.js';
import { UNITS_PER_MS } from '#src/memory/rate/rate-row.js';
import { WHOLE_RATE } from '#src/memory/rate/share.js';
import { SharePage } from '#src/memory/rate/share-page.js';
import { withInterrupts } from './interrupts.js';
import { expectLawful } from './rate-law.js';

/** The most threads that are interrupted in the middle of an operation at once. */
const DEPTH = 3;
/** A few more than there are rows in a bucket. */
const KEYS = 9;
const [INTERVAL_MS, BURST] = [1, 8];
/** The fewest members: then the share is largest, and no key has more than this of it. */
const FEWEST = 4;
const LARGEST = { intervalMs: FEWEST * INTERVAL_MS, burst: BURST / FEWEST };
const SALT = [1, 2] as const;
/** The distance of two admissions in units, with what is added for the speeds of clocks. */
const LIMIT_INTERVAL = Math.ceil(INTERVAL_MS * UNITS_PER_MS * (1 + 1 / 2_000));
const KILLED = new Error('the thread is gone');
const FOREVER = { monotonic: Number.POSITIVE_INFINITY, wall: Number.POSITIVE_INFINITY };

type Happening =
  | { readonly kind: 'nothing' | 'killed' | 'released' }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'other'; readonly key: number; readonly times: number }
  | { readonly kind: 'members'; readonly count: number }
  | { readonly kind: 'divide'; readonly key: number; readonly rate: number; readonly permits: number };

const just = <K extends string>(kind: K) => fc.constant({ kind } as const);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 12, arbitrary: just('nothing') },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('time' as const),
      ms: fc.constantFrom(0.05, 0.05, 0.9, 4.1, 8.1, 2_500),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('other' as const),
      key: fc.nat(KEYS - 1),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: just('killed') },
  { weight: 1, arbitrary: just('released') },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('members' as const), count: fc.constantFrom(4, 4, 5, 8) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('divide' as const),
      key: fc.nat(KEYS - 1),
      rate: fc.constantFrom(30_000, 100_000, WHOLE_RATE / FEWEST),
      permits: fc.integer({ min: 1, max: LARGEST.burst }),
    }),
  },
);

class Schedule {
  readonly histories = Array.from({ length: KEYS }, (): number[] => []);
  overflows = 0;
  readonly #tape: Iterator<Happening>;
  readonly #page: SharePage;
  readonly #threads: readonly ClusterRates[];
  readonly #readings: number[] = [];
  readonly #hashes: readonly { readonly low: number; readonly high: number }[];
  readonly #parts = new Map<number, { readonly rate: number; readonly permits: number }>();
  #depth = 0;
  #isPublishing = false;
  #now = 1_000;

  constructor(tape: readonly Happening[]) {
    this.#tape = tape[Symbol.iterator]();
    const block = Block.create({ workers: DEPTH, rateBuckets: 1 });
    this.#page = new SharePage(block, () => this.#now);
    this.#threads = Array.from({ length: DEPTH }, (_, thread) => {
      const clock = (): number => {
        this.#readings[thread] = this.#now;
        return this.#now;
      };
      const onOverflow = (): void => void this.overflows++;
      return new ClusterRates({ block, clock, wallClock: () => 0, slot: thread + 1, onOverflow });
    });
    const hash = new KeyedHash(Int32Array.from(SALT));
    hash.of(0, `limit ${LIMIT_INTERVAL} ${BURST}`);
    const salt = hash.low;
    this.#hashes = Array.from({ length: KEYS }, (_, key) => {
      hash.of(salt, `key ${key}`);
      return { low: hash.low, high: hash.high };
    });
    this.#hold(FEWEST);
    this.#now += 1_000;
  }

  /** Called before every atomic operation. */
  interrupt(): void {
    const next = this.#depth === 0 ? undefined : this.#tape.next().value;
    if (next?.kind === 'time') this.#now += next.ms;
    else if (next?.kind === 'other' && this.#depth < DEPTH) this.take(next.key, next.times);
    // The primary does one thing after the other, and when it ends the process does.
    else if (next === undefined || this.#isPublishing) return;
    else if (next.kind === 'members') this.#hold(next.count);
    else if (next.kind === 'divide') this.#divide(next.key, next);
    else if (next.kind === 'released') this.#release();
    else if (next.kind === 'killed') throw KILLED;
  }

  take(key: number, times: number): void {
    const thread = this.#depth++;
    try {
      const limit = this.#threads[thread]!.limit('limit', INTERVAL_MS, BURST);
      for (let n = 0; n < times; n++)
        if (limit.take(`key ${key}`) > 0) this.histories[key]!.push(this.#readings[thread]!);
    } catch (error) {
      if (error !== KILLED) throw error;
    } finally {
      this.#depth--;
    }
  }

  #hold(count: number): void {
    this.#publish(() => {
      const members = Array.from({ length: count }, (_, n) => `m${n}`);
      this.#page.hold({ members, self: 'm0', salt: SALT });
      this.#page.renew(FOREVER);
    });
  }

  /** A key has another part, which is never more than the largest share. */
  #divide(key: number, { rate, permits }: { readonly rate: number; readonly permits: number }): void {
    this.#parts.set(key, { rate, permits });
    const numbers = { interval: LIMIT_INTERVAL, burst: BURST, isShare: false };
    const parts = [...this.#parts].map(([slot, part]) => ({
      ...this.#hashes[slot]!,
      ...numbers,
      slot,
      ...part,
    }));
    this.#publish(() => this.#page.divide(parts));
  }

  #release(): void {
    this.#publish(() => this.#page.release());
    this.#hold(FEWEST);
  }

  #publish(act: () => void): void {
    this.#isPublishing = true;
    act();
    this.#isPublishing = false;
  }
}

describe('the share of a process under any schedule', () => {
  it('is kept for every key, and continues to admit', () => {
    const calls = fc.array(fc.tuple(fc.nat(KEYS - 1), fc.integer({ min: 1, max: 3 })), {
      minLength: 10,
      maxLength: 60,
    });
    let [overflows, admitted] = [0, 0];
    fc.assert(
      fc.property(calls, fc.array(happening, { minLength: 50, maxLength: 800 }), (wanted, tape) => {
        const schedule = new Schedule(tape);
        withInterrupts(
          () => schedule.interrupt(),
          () => {
            for (const [key, times] of wanted) schedule.take(key, times);
          },
        );
        for (const [key, times] of schedule.histories.entries()) expectLawful(times, LARGEST, `key ${key}`);
        overflows += schedule.overflows;
        admitted += schedule.histories.reduce((sum, { length }) => sum + length, 0);
      }),
      { numRuns: 1_500 },
    );
    expect(Math.min(overflows, admitted)).to.be.above(1_000);
  }).timeout(60_000);
});
