// What one process admits of each key by its share, whatever becomes of the share and of the rows of the key:
// never more than a key has left in this process. docs/cluster-limits.md relies on that.
import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { KeyedHash } from '#src/memory/keyed-hash.js';
import { ClusterRates } from '#src/memory/rate/cluster-rates.js';
import { keyShare, memberHash, mostTimesSmaller, WHOLE_RATE } from '#src/memory/rate/share.js';
import { SharePage } from '#src/memory/rate/share-page.js';

const SALT = [1, 2] as const;
const KEYS = 10;
const SELF = 'self';
/** The rounding of times and parts, in permits. */
const ROUNDING = 0.001;

type Event =
  | { readonly kind: 'take'; readonly key: number; readonly times: number }
  | { readonly kind: 'time'; readonly intervals: number }
  | { readonly kind: 'members'; readonly count: number; readonly names: number }
  | { readonly kind: 'divide'; readonly key: number; readonly times: number; readonly permits: number }
  | { readonly kind: 'together' | 'release' };

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      key: fc.nat(KEYS - 1),
      times: fc.constantFrom(1, 1, 2, 40),
    }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant('time' as const),
      intervals: fc.constantFrom(0.3, 1, 1.1, 2, 3, 5, 9, 20, 60),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('members' as const),
      count: fc.integer({ min: 1, max: 8 }),
      names: fc.nat(2),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('divide' as const),
      key: fc.nat(KEYS - 1),
      times: fc.constantFrom(0.1, 0.4, 0.9, 1.5, 3),
      permits: fc.integer({ min: 0, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('together' as const, 'release' as const) }) },
);

/** What a key has left, by the rules that the sum over all processes relies on. */
interface Left {
  tokens: number;
  /** By milliseconds. */
  rate: number;
  permits: number;
  at: number;
}

class World {
  readonly #time = { now: 5_000 };
  readonly #page: SharePage;
  readonly #limit: { take(key: string): number };
  readonly #keys: readonly { readonly low: number; readonly high: number; readonly left: Left }[];
  readonly #intervalMs: number;
  /** As limits count it. */
  readonly #interval: number;
  readonly #burst: number;
  #members: readonly string[] = [];
  /** Parts of hot keys. */
  readonly #parts = new Map<number, { readonly rate: number; readonly permits: number }>();
  overflows = 0;
  admitted = 0;

  constructor(intervalMs: number, burst: number) {
    const block = Block.create({ workers: 1, rateBuckets: 1 });
    const clock = (): number => this.#time.now;
    this.#intervalMs = intervalMs;
    this.#burst = burst;
    this.#page = new SharePage(block, clock);
    const onOverflow = (): void => void this.overflows++;
    const rates = new ClusterRates({ block, clock, wallClock: () => 0, slot: 1, onOverflow });
    this.#limit = rates.limit('limit', intervalMs, burst);
    const hash = new KeyedHash(Int32Array.from(SALT));
    this.#interval = Math.ceil(intervalMs * 16_000 * (1 + 1 / 2_000));
    hash.of(0, `limit ${this.#interval} ${burst}`);
    const salt = hash.low;
    this.#keys = Array.from({ length: KEYS }, (_, n) => {
      hash.of(salt, `key ${n}`);
      const { low, high } = hash;
      return { low, high, left: { tokens: 0, rate: 0, permits: 0, at: 0 } };
    });
  }

  act(one: Event): void {
    const { kind } = one;
    if (kind === 'take') for (let n = 0; n < one.times; n++) this.#take(one.key);
    else if (kind === 'time') this.#time.now += one.intervals * this.#intervalMs;
    else if (kind === 'members') this.#hold(one.count, one.names);
    else if (kind === 'divide') this.#divide(one.key, one.times, one.permits);
    else this.#end(kind);
  }

  #take(key: number): void {
    const { left } = this.#keys[key]!;
    // Two admissions at the same moment count as a moment apart.
    this.#time.now += 0.001;
    if (this.#limit.take(`key ${key}`) <= 0) return;
    this.admitted += 1;
    this.#bring(left);
    left.tokens -= 1;
    expect(left.tokens, `key ${key}`).to.be.above(-ROUNDING);
  }

  #hold(count: number, names: number): void {
    this.#members = [SELF, ...Array.from({ length: count - 1 }, (_, n) => `${names} ${n}`)].toSorted();
    this.#page.hold({ members: this.#members, self: SELF, salt: SALT });
    this.#page.renew({ monotonic: Number.POSITIVE_INFINITY, wall: Number.POSITIVE_INFINITY });
    this.#publish();
  }

  #divide(key: number, times: number, permits: number): void {
    if (this.#members.length === 0) return;
    const { low, high } = this.#keys[key]!;
    const base = this.#base(low, high);
    const interval = this.#intervalMs * 16_000;
    const least = base.rate / mostTimesSmaller(this.#burst, interval);
    const rate = Math.floor(Math.min(WHOLE_RATE, Math.max(base.rate * times, least)));
    this.#parts.set(key, { rate, permits: Math.min(this.#burst, permits) });
    this.#publish();
  }

  /** All keys are divided by shares again, or the process has none. */
  #end(kind: 'together' | 'release'): void {
    // A part is forgotten when it has been the share for as long as a burst takes.
    for (const key of this.#parts.keys()) this.#parts.set(key, this.#base(...this.#hashOf(key)));
    if (kind === 'release') {
      this.#members = [];
      this.#page.release();
    }
    this.#publish();
    const interval = this.#intervalMs * Math.max(1, this.#members.length);
    this.#time.now += (mostTimesSmaller(this.#burst, this.#intervalMs * 16_000) + 1) * interval;
    this.#parts.clear();
    this.#publish();
  }

  #hashOf(key: number): [number, number] {
    const { low, high } = this.#keys[key]!;
    return [low, high];
  }

  #base(low: number, high: number) {
    if (this.#members.length === 0) return { rate: 0, permits: 0 };
    const hashes = Int32Array.from(this.#members, memberHash);
    const { permits, parts } = keyShare(this.#burst, hashes, this.#members.indexOf(SELF), low, high);
    return { rate: permits === 0 ? 0 : Math.floor(WHOLE_RATE / parts), permits };
  }

  /** Publishes the parts, and changes what keys have left by that. */
  #publish(): void {
    for (const [key, { low, high, left }] of this.#keys.entries()) {
      const { rate, permits } = this.#parts.get(key) ?? this.#base(low, high);
      this.#bring(left);
      left.rate = (rate + 1) / WHOLE_RATE / this.#intervalMs;
      left.permits = permits;
      left.tokens = Math.min(left.tokens, permits);
    }
    const parts = [...this.#parts].map(([key, part]) => {
      const [low, high] = this.#hashOf(key);
      const base = this.#base(low, high);
      const isShare = part.rate === base.rate && part.permits === base.permits;
      return { low, high, slot: key, interval: this.#interval, burst: this.#burst, isShare, ...part };
    });
    this.#page.divide(parts);
  }

  #bring(left: Left): void {
    const { now } = this.#time;
    left.tokens = Math.min(left.permits, left.tokens + (now - left.at) * left.rate);
    left.at = now;
  }
}

describe('the share of a process in a limit over several', () => {
  it('is not exceeded by a key that moves from the overflow row to its own', () => {
    const world = new World(6_000, 10);
    const take = (key: number, times = 1): void => world.act({ kind: 'take', key, times });
    world.act({ kind: 'members', count: 2, names: 0 });
    world.act({ kind: 'time', intervals: 3 });
    for (const key of [0, 7, 1, 3]) take(key);
    world.act({ kind: 'release' });
    world.act({ kind: 'members', count: 1, names: 0 });
    world.act({ kind: 'time', intervals: 9 });
    for (const key of [2, 4, 6]) take(key);
    expect(world.overflows).to.equal(1);
    world.act({ kind: 'time', intervals: 1.1 });
    take(6, 40);
    expect(world.overflows).to.equal(1);
  });

  it('is never exceeded, for any key, in its own row or in the overflow row', () => {
    const limit = fc.constantFrom([10, 1], [10, 3], [10, 7], [50, 24], [400, 5], [6_000, 10]);
    let [overflows, admitted] = [0, 0];
    fc.assert(
      fc.property(
        limit,
        fc.array(event, { minLength: 100, maxLength: 300 }),
        ([intervalMs, burst], events) => {
          const world = new World(intervalMs!, burst!);
          world.act({ kind: 'members', count: 2, names: 0 });
          for (const one of events) world.act(one);
          overflows += world.overflows;
          admitted += world.admitted;
        },
      ),
      { numRuns: 400 },
    );
    expect(Math.min(overflows, admitted)).to.be.above(1_000);
  }).timeout(60_000);
});
