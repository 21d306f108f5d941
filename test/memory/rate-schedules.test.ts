// Schedules that real threads rarely meet: at every atomic operation of one thread others may run
// for any time, time may pass, and the thread may end.
import { expect } from 'chai';
import fc from 'fast-check';
import { oneRegion } from '#src/memory/rate/rate-regions.js';
import { RateTable } from '#src/memory/rate/rate-table.js';
import { withInterrupts } from './interrupts.js';
import { expectLawful } from './rate-law.js';

/** The most threads that are interrupted in the middle of an operation at once. */
const DEPTH = 3;
/** Keys with two rates each: a few more than there are rows, so that some share the overflow row. */
const KEYS = [4, 9] as const;
const RATES = [
  { intervalMs: 1, burst: 2 },
  { intervalMs: 4, burst: 1 },
] as const;

const KILLED = new Error('the thread is gone');

/** An event at one atomic operation. */
type Happening =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'other'; readonly key: number; readonly rate: number; readonly times: number }
  | { readonly kind: 'killed' };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ kind: 'nothing' } as const) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('time' as const),
      ms: fc.constantFrom(0.05, 0.3, 1.1, 2.1, 4.1),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('other' as const),
      key: fc.nat(255),
      rate: fc.nat(RATES.length - 1),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'killed' } as const) },
);

class Schedule {
  readonly histories = new Map<string, number[]>();
  overflows = 0;
  readonly #tape: Iterator<Happening>;
  readonly #threads: RateTable[];
  readonly #readings: number[] = [];
  readonly #keys: number;
  #depth = 0;
  #now = 0;

  constructor(keys: number, tape: readonly Happening[]) {
    this.#keys = keys;
    this.#tape = tape[Symbol.iterator]();
    const words = new Int32Array(new SharedArrayBuffer(64));
    const lead = new Int32Array(new SharedArrayBuffer(4));
    this.#threads = Array.from({ length: DEPTH }, (_, thread) => {
      const clock = (): number => {
        this.#readings[thread] = this.#now;
        return this.#now;
      };
      const secret = new Int32Array([1, 2]);
      return new RateTable({
        regions: oneRegion(words, lead),
        secret,
        clock,
        onOverflow: () => void this.overflows++,
      });
    });
  }

  /** Takes every row, so that they become free again one after the other. */
  fill(): void {
    const limit = this.#threads[0]!.limit('filler', 2, 1);
    for (let row = 0; row < 6; row++) {
      limit.take(`filler ${row}`);
      this.#now += 0.3;
    }
  }

  /** Called before every atomic operation. */
  interrupt(): void {
    const next = this.#depth === 0 ? undefined : this.#tape.next().value;
    if (next?.kind === 'time') this.#now += next.ms;
    else if (next?.kind === 'other' && this.#depth < DEPTH) this.take(next.key, next.rate, next.times);
    else if (next?.kind === 'killed') throw KILLED;
  }

  take(choice: number, rate: number, times: number): void {
    const key = choice % this.#keys;
    const thread = this.#depth++;
    try {
      const { intervalMs, burst } = RATES[rate]!;
      const limit = this.#threads[thread]!.limit(`rate ${rate}`, intervalMs, burst);
      const name = `rate ${rate} key ${key}`;
      for (let n = 0; n < times; n++) {
        if (limit.take(`key ${key}`) <= 0) continue;
        this.histories.set(name, [...(this.histories.get(name) ?? []), this.#readings[thread]!]);
      }
    } catch (error) {
      if (error !== KILLED) throw error;
    } finally {
      this.#depth--;
    }
  }
}

describe('rate table under any schedule', () => {
  it('keeps its limit for every key, and continues to admit', () => {
    let overflows = 0;
    const calls = fc.array(fc.tuple(fc.nat(255), fc.nat(RATES.length - 1), fc.integer({ min: 1, max: 3 })), {
      minLength: 10,
      maxLength: 60,
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...KEYS),
        fc.boolean(),
        calls,
        fc.array(happening, { minLength: 50, maxLength: 600 }),
        (keys, isFull, wanted, tape) => {
          const schedule = new Schedule(keys, tape);
          if (isFull) schedule.fill();
          withInterrupts(
            () => schedule.interrupt(),
            () => {
              for (const [key, rate, times] of wanted) schedule.take(key, rate, times);
            },
          );
          for (const [name, times] of schedule.histories) expectLawful(times, RATES[Number(name[5])]!, name);
          overflows += schedule.overflows;
        },
      ),
      { numRuns: 6_000 },
    );
    expect(overflows, 'newcomers that shared').to.be.above(100);
  });
});
