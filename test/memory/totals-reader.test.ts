// A reader that is kept knows the rows that it has read before. It must find the same totals as one that
// reads all of them anew.
import { expect } from 'chai';
import fc from 'fast-check';
import type { SeriesTotal } from '#src/memory/metrics/recorder.js';
import { SERIES_PER_METRIC, SeriesTable, TRANSIENT_KEPT } from '#src/memory/metrics/series.js';
import { SeriesMemory, USED } from '#src/memory/metrics/series-memory.js';
import { readTotals, TotalsReader } from '#src/memory/metrics/totals.js';

const SLOTS = 3;
const BUCKETS = [
  [1, 5],
  [1, 2, 5],
] as const;
const ONE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };

type Decode = (...given: Parameters<InstanceType<typeof TextDecoder>['decode']>) => string;

type Step =
  | { readonly kind: 'count'; readonly slot: number; readonly name: number; readonly n: number }
  | { readonly kind: 'pick'; readonly slot: number; readonly from: number }
  | { readonly kind: 'replace'; readonly slot: number; readonly buckets: number }
  | { readonly kind: 'overwrite'; readonly slot: number; readonly share: number };

const slot = fc.integer({ min: 0, max: SLOTS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('count' as const), slot, name: fc.nat(20), n: fc.nat(2 ** 33) }),
  fc.record({ kind: fc.constant('pick' as const), slot, from: fc.nat(2 * TRANSIENT_KEPT) }),
  fc.record({ kind: fc.constant('replace' as const), slot, buckets: fc.nat(1) }),
  fc.record({
    kind: fc.constant('overwrite' as const),
    slot,
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
);

/** The totals, in an order that does not depend on when a series was read first. */
const sorted = (series: readonly SeriesTotal[]) =>
  series.map((one) => ({ ...one })).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

class Threads {
  readonly memory = new SeriesMemory();
  readonly #tables = Array.from({ length: SLOTS }, (_, at) => new SeriesTable(this.memory.of(at)));
  readonly #buckets = new Array<number>(SLOTS).fill(0);

  carryOut(one: Step): void {
    const table = this.#tables[one.slot]!;
    if (one.kind === 'count') this.#count(table, one);
    else if (one.kind === 'pick') {
      // A few more instances than rows: each takes over the row of another one.
      for (let n = 0; n < TRANSIENT_KEPT + 3; n++) {
        const what = { label: 'endpoint', value: `e${one.from + n}`, isGone: () => true };
        table.transient('picks_total', { service: 'users' }, what).add();
      }
    } else if (one.kind === 'replace') {
      this.#buckets[one.slot] = one.buckets;
      this.#tables[one.slot] = new SeriesTable(this.memory.of(one.slot));
    } else this.#overwrite(one.slot, one.share);
  }

  #count(table: SeriesTable, { slot, name, n }: Step & { kind: 'count' }): void {
    const services = table.pool('services');
    services.declare('sizes', 'histogram', `Of ${slot}.`, BUCKETS[this.#buckets[slot]!]);
    services.counter('named_total', { name: String(name) }).add(n);
    services.gauge('level', { name: String(name % 5) }).set(n / 3 - 2 ** 30);
    services.distribution('sizes', { name: String(name % 3) }, BUCKETS[this.#buckets[slot]!]!).record(n % 7);
    table.histogram('took_seconds', { route: `/${name % 4}` }).record(n, name === 1 ? ONE : undefined);
  }

  /** Overwrites the end of the rows; the thread that has done so is replaced, and others count there. */
  #overwrite(slot: number, share: number): void {
    const words = new Int32Array(this.memory.of(slot));
    const used = words[USED]! >> 2;
    words.fill(-1, Math.max(16, Math.floor(used * share)), used);
    this.#tables[slot] = new SeriesTable(this.memory.of(slot));
    for (let n = 0; n < 30; n++) this.#tables[slot].counter('after_total', { n: String(n) }).add(n);
  }
}

describe('a reader of totals that is kept', () => {
  it('finds what one finds that reads all rows anew, whatever happens to rows and threads', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const threads = new Threads();
        const kept = new TotalsReader(threads.memory);
        for (const one of steps) {
          threads.carryOut(one);
          const found = kept.read();
          const anew = readTotals(threads.memory);
          expect(sorted(found.series)).to.deep.equal(sorted(anew.series));
          expect(found.declarations).to.deep.equal(anew.declarations);
          expect(found.overflow).to.equal(anew.overflow);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('reads the name of a row once, and again only when it was changed', () => {
    const memory = new SeriesMemory();
    const table = new SeriesTable(memory.of(1));
    const isGone = (value: string) => value === 'e0';
    const pick = (value: string) =>
      table.transient('picks_total', {}, { label: 'endpoint', value, isGone }).add();
    for (let n = 0; n < TRANSIENT_KEPT; n++) pick(`e${n}`);
    for (let n = 0; n < 600; n++) {
      table.counter('a_total', { n: String(n) }).add();
      table.gauge('b', { n: String(n) }).set(1);
    }
    const reader = new TotalsReader(memory);
    const namesRead = (): number => {
      const decode = Reflect.get(TextDecoder.prototype, 'decode') as Decode;
      let names = 0;
      TextDecoder.prototype.decode = function (...given) {
        names++;
        return Reflect.apply(decode, this, given);
      };
      try {
        reader.read();
      } finally {
        TextDecoder.prototype.decode = decode;
      }
      return names;
    };
    expect(namesRead()).to.be.at.least(1_000);
    // The rows that can be renamed are known to be unchanged from the second reading on.
    namesRead();
    expect(namesRead()).to.equal(0);
    table.counter('a_total', { n: '3' }).add();
    pick('e5');
    expect(namesRead(), 'only numbers have changed').to.equal(0);
    pick('new');
    table.counter('c_total').add();
    expect(namesRead(), 'one row was renamed, one is new').to.be.within(2, 3);
  });

  it('counts what is not shown without labels from the first reading on, and each series once', () => {
    const memory = new SeriesMemory();
    const tables = [1, 2].map((slot) => new SeriesTable(memory.of(slot)));
    const isShown = (_: string, metric: string, total: () => SeriesTotal) =>
      metric !== 'many_total' || Number(total().labels.n) < 10;
    const kept = new TotalsReader(memory, { isShown });
    for (let turn = 1; turn <= 3; turn++) {
      for (const table of tables) {
        for (let n = 0; n < SERIES_PER_METRIC; n++) table.counter('many_total', { n: String(n) }).add();
      }
      const { series, merged } = kept.read();
      expect(series).to.have.length(11);
      const without = series.find(({ labels }) => Object.keys(labels).length === 0);
      expect(without?.value).to.equal(2 * turn * (SERIES_PER_METRIC - 10));
      expect([...merged]).to.deep.equal([['many_total', SERIES_PER_METRIC - 10]]);
    }
  });

  it('leaves the totals alone that an earlier reading has found', () => {
    const memory = new SeriesMemory();
    const table = new SeriesTable(memory.of(1));
    const count = (): void => {
      table.counter('a_total', { n: '1' }).add();
      table.histogram('took_seconds').record(5);
    };
    const reader = new TotalsReader(memory);
    count();
    const first = reader.read();
    const copy = structuredClone(first.series);
    count();
    expect(reader.read().series).not.to.deep.equal(copy);
    expect(first.series).to.deep.equal(copy);
  });

  it('reads only the metrics that it is to read', () => {
    const memory = new SeriesMemory();
    const table = new SeriesTable(memory.of(1));
    for (const metric of ['a_total', 'b_total']) table.counter(metric).add();
    const reader = new TotalsReader(memory, { metrics: new Set(['b_total']) });
    expect(reader.read().series.map(({ metric }) => metric)).to.deep.equal(['b_total']);
  });
});
