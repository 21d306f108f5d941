import { expect } from 'chai';
import fc from 'fast-check';
import { type DrainView, mayReplace, threadToCutShort } from '#src/cluster/drains.js';

const serving: DrainView = {
  isOverdue: false,
  state: { kind: 'starting' },
  retireReason: undefined,
  leftMs: Number.POSITIVE_INFINITY,
};
const draining = (leftMs: number, retireReason?: DrainView['retireReason']): DrainView => ({
  state: { kind: 'draining', reason: 'drained' },
  retireReason,
  isOverdue: false,
  leftMs,
});
const before = { kind: 'draining', reason: 'drained' } as const;
const overdue = (retireReason: DrainView['retireReason']): DrainView => ({
  ...draining(-1, retireReason),
  isOverdue: true,
});
const wedged = (retireReason: DrainView['retireReason']): DrainView => ({
  ...draining(5_000, retireReason),
  state: { kind: 'wedged', before },
});

describe('a reload, while threads drain', () => {
  for (const [what, living, workers, may] of [
    ['continues when no thread drains', [serving], 1, true],
    ['waits for the draining thread of a single worker', [serving, draining(5_000, 'reload')], 1, false],
    ['waits for one draining thread of four workers', [draining(5_000, 'reload')], 4, false],
    ['continues beside one draining thread of five workers', [draining(5_000, 'reload')], 5, true],
    [
      'waits for two draining threads of eight workers',
      [draining(1, 'heap'), draining(5_000, 'reload')],
      8,
      false,
    ],
    ['does not count threads that have failed', [draining(2_000), draining(2_000)], 1, true],
    ['does not wait for a wedged thread', [wedged('reload')], 1, true],
    ['does not wait for a thread that does not end', [overdue('reload')], 1, true],
  ] as const) {
    it(what, () => expect(mayReplace(living, workers)).to.equal(may));
  }
});

const REASONS = [undefined, 'reload', 'heap', 'wedged', 'start-failed'] as const;
const kinds: readonly DrainView['state'][] = [
  { kind: 'starting' },
  before,
  { kind: 'leaving', reason: 'drained' },
  { kind: 'stalled', before },
  { kind: 'wedged', before },
  { kind: 'dead', reason: 'drained' },
];
const anyThread: fc.Arbitrary<DrainView> = fc.record({
  state: fc.constantFrom(...kinds),
  retireReason: fc.constantFrom(...REASONS),
  isOverdue: fc.boolean(),
  leftMs: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: -1e9, max: 1e9 })),
});

describe('any set of threads', () => {
  it('keeps no successor waiting once every thread that was to end has ended or is lost', () => {
    fc.assert(
      fc.property(
        fc.array(anyThread),
        fc.integer({ min: 1, max: 64 }),
        fc.nat(8),
        (threads, workers, waiting) => {
          const later = threads.map((thread) =>
            thread.leftMs === Number.POSITIVE_INFINITY ? thread : { ...thread, leftMs: -1, isOverdue: true },
          );
          expect(mayReplace(later, workers)).to.equal(true);
          expect(threadToCutShort(later, waiting, 2_000)).to.equal(undefined);
        },
      ),
    );
  });

  it('has its drains cut short regardless of the lost threads in it', () => {
    fc.assert(
      fc.property(fc.array(anyThread), fc.nat(8), (threads, waiting) => {
        const helpful = threads.filter(
          ({ isOverdue, state }) => !isOverdue && state.kind !== 'wedged' && state.kind !== 'dead',
        );
        expect(threadToCutShort(threads, waiting, 2_000)).to.equal(threadToCutShort(helpful, waiting, 2_000));
      }),
    );
  });
});

describe('the drain that is cut short for a successor that waits for a row', () => {
  const SOON_MS = 2_000;

  it('is none while enough drains end soon', () => {
    expect(threadToCutShort([draining(100), draining(9_000)], 1, SOON_MS)).to.equal(undefined);
  });

  it('is the one with the least time left, among those that do not end soon', () => {
    const threads = [serving, draining(9_000), draining(100), draining(4_000), wedged('reload')];
    expect(threadToCutShort(threads, 2, SOON_MS)).to.equal(threads[3]);
  });

  it('leaves no successor waiting while there is a drain to cut short, and cuts no more than needed', () => {
    const thread = fc.oneof(
      fc.constant(serving),
      fc.constant(wedged(undefined)),
      fc.integer({ min: 0, max: 10_000 }).map((ms) => draining(ms)),
    );
    fc.assert(
      fc.property(fc.array(thread, { maxLength: 8 }), fc.nat({ max: 8 }), (threads, waiting) => {
        const now = [...threads];
        // The supervisor calls it once for each successor that begins to wait.
        for (let count = 1; count <= waiting; count += 1) {
          const cut = threadToCutShort(now, count, SOON_MS);
          if (cut !== undefined) now[now.indexOf(cut)] = draining(SOON_MS);
        }
        const soonOf = (list: readonly DrainView[]): number =>
          list.filter(({ leftMs }) => leftMs <= SOON_MS).length;
        const able = threads.filter(
          ({ leftMs, state }) => leftMs < Infinity && state.kind !== 'wedged',
        ).length;
        expect(soonOf(now)).to.equal(Math.max(soonOf(threads), Math.min(waiting, able)));
      }),
    );
  });
});
