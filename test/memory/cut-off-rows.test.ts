// What a thread knows of its rows after its code was cut off, by a full stack or by V8, and what others see.
import { expect } from 'chai';
import { WIDE } from '#src/memory/layout.js';
import type { SeriesTotal } from '#src/memory/metrics/recorder.js';
import { SeriesTable, TRANSIENT_KEPT } from '#src/memory/metrics/series.js';
import { SeriesMemory, type SlotSeries } from '#src/memory/metrics/series-memory.js';
import { cellsOf, namingOf, rowsOf, valueWords } from '#src/memory/metrics/series-rows.js';
import { SeriesStore } from '#src/memory/metrics/series-store.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { readWide } from '#src/memory/metrics/wide.js';
import { RouteNameReader, RouteNumbers } from '#src/memory/route-names.js';
import { untilThereIsRoom } from '#test/support/above-end.js';
import { atEachCall } from './cut-off-calls.js';

const PICKS = 'multilane_balancer_picks_total';
const routeOf = (n: number) => ({ method: 'GET', template: `/r${n}` });

function setUp() {
  const memory = new SeriesMemory();
  const rows = memory.of(1);
  const series = new SeriesTable(rows);
  const routes = new RouteNumbers(series.store);
  const live = new Set<string>();
  const isGone = (id: string): boolean => !live.has(id);
  const pick = (id: string) => series.transient(PICKS, {}, { label: 'endpoint', value: id, isGone });
  return { memory, rows, series, routes, live, pick };
}

const rowsIn = (rows: SlotSeries) =>
  [...rowsOf(rows)].map((row) => ({
    at: row.at,
    identity: namingOf(rows, row).identity,
    value: readWide(valueWords(rows, row.at), 0),
  }));

/** Each name that the thread finds is the name of that row for other threads, too. */
function expectSameNames(store: SeriesStore, rows: SlotSeries, names: Iterable<string>): void {
  const byOffset = new Map(rowsIn(rows).map(({ at, identity }) => [at, identity]));
  for (const name of names) {
    const at = store.find(name);
    if (at !== undefined) expect(byOffset.get(at), `the row of ${name}`).to.equal(name);
  }
}

describe('rows of a thread that was cut off', () => {
  it('have distinct numbers for distinct routes, the same for all threads', () => {
    atEachCall(
      () => {
        const world = setUp();
        world.routes.of(routeOf(1));
        return world;
      },
      ({ routes }) => routes.of(routeOf(2)),
      ({ rows, routes }) => {
        const reader = new RouteNameReader(rows);
        reader.readOn();
        const given = [3, 4, 2, 1].map((n) => [n, routes.of(routeOf(n))] as const);
        const next = new RouteNumbers(new SeriesStore(rows));
        for (const [n, number] of given) {
          expect(reader.of(number), 'for a reader').to.deep.equal(routeOf(n));
          expect(next.of(routeOf(n)), 'for the next thread').to.equal(number);
        }
        const numbers = rowsIn(rows).map(({ value }) => value);
        expect(numbers.toSorted((a, b) => a - b)).to.deep.equal([1, 2, 3, 4]);
      },
    );
  });

  it('are made once, and are published when they are used', () => {
    atEachCall(
      setUp,
      ({ series }) => series.counter('a_total', { of: 'a' }).add(),
      ({ rows, series }) => {
        series.counter('a_total', { of: 'a' }).add(5);
        const [row, ...others] = rowsIn(rows);
        expect(others).to.deep.equal([]);
        expect(row!.value).to.be.within(5, 6);
        expect(series.store.count('counter', 'a_total')).to.equal(1);
      },
    );
  });

  it('can be renamed once each, when one that can be renamed was cut off as it was made', () => {
    atEachCall(
      setUp,
      ({ live, pick }) => pick([...live.add('a')][0]!),
      ({ rows, series, pick }) => {
        pick('a').add();
        const stays = `counter\x1f${PICKS}`;
        expect(series.store.renamable(stays).map(({ at }) => at)).to.deep.equal(
          rowsIn(rows).map(({ at }) => at),
        );
        expect(series.store.countRenamable('counter', PICKS)).to.equal(1);
      },
    );
  });

  it('count under the names that other threads see, wherever a rename was cut off', () => {
    const first = Array.from({ length: TRANSIENT_KEPT }, (_, n) => `e${n}`);
    const nameOf = (id: string): string => `counter\x1f${PICKS}\x1fendpoint\x1f${id}`;
    atEachCall(
      () => {
        const world = setUp();
        for (const id of first) {
          world.live.add(id);
          world.pick(id).add();
        }
        world.live.delete('e7');
        return world;
      },
      ({ live, pick }) => pick([...live.add('new')].at(-1)!).add(),
      ({ rows, series, live, pick }) => {
        const ids = [...first, 'new', 'newer'];
        expectSameNames(series.store, rows, ids.map(nameOf));
        // The instance that was gone comes back, and another one comes.
        for (const id of ['e7', 'newer', 'new']) {
          live.add(id);
          pick(id).add();
          expectSameNames(series.store, rows, ids.map(nameOf));
        }
        const seen = rowsIn(rows).map(({ identity }) => identity);
        for (const id of ['e7', 'new', 'newer']) expect(seen).to.include(nameOf(id));
      },
    );
  });

  /** Observations that are cut off. */
  const OBSERVED = 40;
  const VALUE = 1.5;
  for (const [what, low] of [
    ['', 0],
    ['also where the low word of its count is full, ', 2 ** 32 - OBSERVED / 2],
  ] as const) {
    it(`count an observation and its sum, or neither, ${what}wherever it is cut off`, () => {
      const { memory, rows, series } = setUp();
      const distribution = series.distribution('size', {}, [1, 2]);
      const [row] = rowsOf(rows);
      cellsOf(rows, row!)[WIDE] = low; // the cell of the second bucket
      const expectSum = (observed: number): void => {
        const [{ cells = [], value }] = readTotals(memory).series as [SeriesTotal];
        expect([cells.reduce((sum, n) => sum + n, 0) - low, value]).to.deep.equal([
          observed,
          observed * VALUE,
        ]);
      };
      for (let observed = 1; observed <= OBSERVED; observed++) {
        untilThereIsRoom(() => distribution.record(VALUE));
        expectSum(observed);
      }
    });
  }
});
