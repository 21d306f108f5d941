import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { readFlights } from '#src/memory/flight-recorder.js';
import { FLIGHTS } from '#src/memory/layout.js';
import { clearGauges, SeriesTable } from '#src/memory/metrics/series.js';
import { identityOf } from '#src/memory/metrics/series-identity.js';
import { SERIES_HEADER, SERIES_STEP, SeriesMemory, USED } from '#src/memory/metrics/series-memory.js';
import { ROW_BYTES } from '#src/memory/metrics/series-rows.js';
import { SeriesStore } from '#src/memory/metrics/series-store.js';
import { readTotals, TotalsReader } from '#src/memory/metrics/totals.js';
import { OTHER_ROUTES, RouteNameReader, RouteNumbers } from '#src/memory/route-names.js';
import { readWorker } from '#src/memory/worker-row.js';
import { killAt } from './stepped-atomics.js';

const FIELDS = ['flights', 'workerCurrentRoute', 'workerHeapUsed'] as const;
/** Words of the first rows, and the word that holds the end of the rows. */
const WORDS = 400;

describe('rows with arbitrary contents', () => {
  it('are read to their end and not beyond, and never throw', () => {
    const slots = 2;
    const writes = fc.array(fc.tuple(fc.constantFrom(...FIELDS), fc.nat(511), fc.integer()), {
      maxLength: 20,
    });
    const words = fc.array(
      fc.tuple(fc.integer({ min: USED, max: WORDS }), fc.oneof(fc.integer(), fc.nat(1200))),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(writes, words, (writes, words) => {
        const block = Block.create({ workers: slots });
        const memory = new SeriesMemory();
        const rows = memory.of(slots);
        const table = new SeriesTable(rows);
        table.counter('requests_total', { route: '/a' }).add();
        table.histogram('seconds').record(1);
        new RouteNumbers(table.store).of({ method: 'GET', template: '/a' });
        for (const [field, at, value] of writes) {
          const { words, stride } = block.table(field);
          Atomics.store(words, (slots * stride + (at % stride)) % words.length, value);
        }
        for (const [at, value] of words) new Int32Array(rows)[at] = value;
        expect(readTotals(memory).series.length).to.be.at.most(SERIES_STEP / ROW_BYTES);
        const flights = readFlights(block, slots, 0);
        expect(flights.length).to.be.at.most(FLIGHTS);
        for (const { route } of flights) expect(route).to.be.within(0, OTHER_ROUTES);
        const budget = { rows: SERIES_STEP / ROW_BYTES + 1 };
        expect(new RouteNameReader(rows).readOn(budget), 'read to their end').to.equal(true);
        expect(readWorker(block, slots).currentRoute).to.satisfy(
          (route: unknown) => route === undefined || Number.isInteger(route),
        );
        clearGauges(rows);
        // The next thread of the slot counts again.
        const next = new SeriesTable(rows);
        next.counter('after_total').add(3);
        next.histogram('seconds').record(1);
        expect(readTotals(memory).series.some(({ metric }) => metric === 'after_total')).to.equal(true);
      }),
    );
  });

  it('begin at zero where a thread was lost before its row was complete', () => {
    const memory = new SeriesMemory();
    const rows = memory.of(1);
    new SeriesTable(rows).counter('a_total').add();
    const [used] = new Int32Array(rows, USED * 4, 1);
    new Uint8Array(rows, used).fill(0x7f);
    expect(readTotals(memory).series, 'not seen').to.have.length(1);
    const next = new SeriesTable(rows);
    next.counter('b_total', { of: 'b' }).add(2);
    next.histogram('took').record(3);
    expect(
      readTotals(memory).series.map(({ metric, value, cells = [] }) => [
        metric,
        value,
        cells.reduce((sum, n) => sum + n, 0),
      ]),
    ).to.deep.equal([
      ['a_total', 1, 0],
      ['b_total', 2, 0],
      ['took', 3, 1],
    ]);
  });

  it('hold routes with their numbers, wherever the thread that named them was killed', () => {
    const [slow, other] = ['/slow', '/other'].map((template) => ({ method: 'GET', template }));
    const nameIt = (rows: SharedArrayBuffer): number => new RouteNumbers(new SeriesStore(rows)).of(slow!);
    for (let at = 0, isKilled = true; isKilled; at++) {
      const rows = new SeriesMemory().of(1);
      isKilled = killAt(at, () => nameIt(rows));
      const next = new RouteNumbers(new SeriesStore(rows));
      expect([next.of(slow!), next.of(other!)], `killed at ${at}`).to.deep.equal([1, 2]);
      const names = new RouteNameReader(rows);
      expect([1, 2, 3].map((number) => names.of(number))).to.deep.equal([slow, other, undefined]);
    }
  });

  it('are read without their cells where these are missing', () => {
    const memory = new SeriesMemory();
    const store = new SeriesStore(memory.of(1));
    for (const kind of ['histogram', 'histogram 1,5', 'exemplars']) {
      const identity = identityOf(kind, 'took', {});
      store.make({ identity, hasCells: false, part: 'runtime', most: SERIES_STEP });
    }
    const reader = new TotalsReader(memory);
    for (let turn = 0; turn < 2; turn++) {
      const { series } = reader.read();
      expect(series.map(({ kind, cells }) => [kind, Math.max(...cells!)])).to.deep.equal([
        ['histogram', 0],
        ['histogram', 0],
      ]);
    }
  });

  it('are no more than there is memory for', () => {
    const memory = new SeriesMemory();
    const rows = memory.of(1);
    Atomics.store(new Int32Array(rows), USED, 2 ** 31 - 1);
    expect(readTotals(memory).series).to.deep.equal([]);
    expect(
      new SeriesStore(rows).make({
        identity: 'x',
        hasCells: true,
        part: 'runtime' as const,
        most: SERIES_STEP,
      }),
    ).to.equal(SERIES_HEADER);
  });
});
