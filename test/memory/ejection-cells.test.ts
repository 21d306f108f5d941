import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { EjectionCells } from '#src/memory/ejection-cells.js';
import { ejectionRule } from '#src/resilience/ejection.js';

const SLOT = 5;
const room = () => true;

function setUp(startMs = 0) {
  const time = { now: startMs };
  const block = Block.create({ workers: 2 });
  const events: string[] = [];
  const of = () =>
    new EjectionCells(block, ejectionRule(30_000), () => time.now, {
      ejected: (slot, times, forMs) => events.push(`ejected ${slot} ${times} ${forMs}`),
      returned: (slot) => events.push(`returned ${slot}`),
    });
  const cells = of();
  const fail = (slot = SLOT, times = 5, hasRoom: () => boolean = room): void => {
    for (let i = 0; i < times; i++) if (cells.failed(slot)) cells.eject(slot, hasRoom);
  };
  return { time, block, events, of, cells, fail };
}

describe('ejection cells', () => {
  it('eject after five failures in a row, whichever threads saw them', () => {
    const { cells, of, events } = setUp();
    const other = of();
    expect([cells, other, cells, other].map((each) => each.failed(SLOT))).to.deep.equal(Array(4).fill(false));
    expect(cells.failed(SLOT)).to.equal(true);
    cells.eject(SLOT, room);
    expect(other.state(SLOT)).to.deep.equal({ state: 'ejected', leftMs: 30_000, times: 1 });
    expect(events).to.deep.equal([`ejected ${SLOT} 1 30000`]);
  });

  it('restart the count after a success', () => {
    const { cells, fail } = setUp();
    fail(SLOT, 4);
    cells.succeeded(SLOT);
    fail(SLOT, 4);
    expect(cells.state(SLOT)).to.deep.equal({ state: 'in' });
    fail(SLOT, 1);
    expect(cells.isEjected(SLOT)).to.equal(true);
  });

  it('change their version with everything but time', () => {
    const { cells, fail, time } = setUp();
    const versions = [cells.version()];
    fail();
    versions.push(cells.version());
    time.now = 30_000;
    expect(cells.version()).to.equal(versions[1]);
    cells.isEjected(SLOT);
    versions.push(cells.version());
    cells.arrive(7);
    versions.push(cells.version());
    expect(new Set(versions).size).to.equal(4);
  });

  it('restore an instance when its time is over, into a slow start of ten seconds', () => {
    const { cells, fail, time, events } = setUp();
    fail();
    time.now = 29_999;
    expect(cells.isEjected(SLOT)).to.equal(true);
    time.now = 30_000;
    expect(cells.state(SLOT)).to.deep.equal({ state: 'starting', ageMs: 0 });
    time.now = 39_999;
    expect(cells.state(SLOT)).to.deep.equal({ state: 'starting', ageMs: 9_999 });
    time.now = 40_000;
    expect(cells.state(SLOT)).to.deep.equal({ state: 'in' });
    expect(events.slice(1)).to.deep.equal([`returned ${SLOT}`]);
  });

  it('eject for longer every time, and forget that after a quiet period', () => {
    const { cells, fail, time } = setUp();
    const leftMs = (): number => {
      const seen = cells.state(SLOT);
      return seen.state === 'ejected' ? seen.leftMs : 0;
    };
    fail();
    time.now = 30_000;
    cells.isEjected(SLOT);
    fail();
    expect(leftMs()).to.equal(60_000);
    time.now += 60_000;
    cells.isEjected(SLOT);
    time.now += 300_000;
    fail();
    expect(leftMs()).to.equal(60_000);
  });

  it('count no failure while ejected: calls that were under way may still end', () => {
    const { cells, fail, time, events } = setUp();
    fail();
    fail(SLOT, 50);
    cells.succeeded(SLOT);
    time.now = 30_000;
    expect(cells.state(SLOT).state).to.equal('starting');
    fail(SLOT, 4);
    expect(cells.state(SLOT).state).to.equal('starting');
    expect(events).to.have.length(2);
  });

  it('try again with the next failure when no more instances could be ejected', () => {
    const { cells, fail } = setUp();
    fail(SLOT, 5, () => false);
    expect(cells.isEjected(SLOT)).to.equal(false);
    fail(SLOT, 1);
    expect(cells.isEjected(SLOT)).to.equal(true);
  });

  it('count again when another endpoint was ejected in the meantime', () => {
    const { cells, of, fail } = setUp();
    const other = of();
    for (let i = 0; i < 5; i++) other.failed(6);
    let asked = 0;
    fail(SLOT, 5, () => {
      const found = !cells.isEjected(6);
      if (asked++ === 0) other.eject(6, room);
      return found;
    });
    expect(asked).to.equal(2);
    expect([cells.isEjected(6), cells.isEjected(SLOT)]).to.deep.equal([true, false]);
  });

  it('finish an operation that a dead thread has begun, once', () => {
    const { block, cells, events, of } = setUp();
    for (let i = 0; i < 5; i++) cells.failed(SLOT);
    // The turn of the dead thread is recorded, and nothing else.
    block.words('ejectionTurn')[0] = SLOT + 1;
    of().help();
    cells.help();
    expect(cells.isEjected(SLOT)).to.equal(true);
    expect(events).to.deep.equal([`ejected ${SLOT} 1 30000`]);
    block.words('ejectionTurn')[0]! |= 6 + 1;
    for (let i = 0; i < 5; i++) cells.failed(7);
    cells.eject(7, room);
    expect([cells.isEjected(6), cells.isEjected(7)]).to.deep.equal([false, true]);
  });

  it('let a new instance start slowly, without ending an ejection', () => {
    const { cells, fail } = setUp();
    cells.arrive(SLOT);
    expect(cells.state(SLOT)).to.deep.equal({ state: 'starting', ageMs: 0 });
    fail();
    cells.arrive(SLOT);
    expect(cells.isEjected(SLOT)).to.equal(true);
    cells.release(SLOT);
    expect(cells.state(SLOT)).to.deep.equal({ state: 'starting', ageMs: 0 });
  });

  it('forget everything for another endpoint in the slot', () => {
    const { cells, fail, time } = setUp();
    fail();
    cells.reset(SLOT);
    expect(cells.state(SLOT)).to.deep.equal({ state: 'in' });
    fail();
    expect(cells.state(SLOT)).to.include({ times: 1 });
    time.now = 30_000;
    expect(cells.state(SLOT).state).to.equal('starting');
  });

  it('refuse a rule whose failures do not fit the word', () => {
    const rule = { ...ejectionRule(1), failures: 16 };
    expect(() => new EjectionCells(Block.create({ workers: 1 }), rule, () => 0)).to.throw(RangeError);
  });

  it('behave as their model does, for any events in any order', () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constant('fail' as const), times: fc.integer({ min: 1, max: 6 }) }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('succeed' as const) }) },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 70_000 }) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('arrive' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const) }) },
    );
    // Some runs begin just before the word of the clock wraps around.
    const start = fc.constantFrom(0, 2 ** 31 - 40_000, 2 ** 32 - 40_000);
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 50 }), (startMs, steps) => {
        const { time, cells, fail, events } = setUp(startMs);
        let [failures, times, ejections] = [0, 0, 0];
        let until: number | undefined;
        let startedAt = Number.NEGATIVE_INFINITY;
        for (const each of steps) {
          if (until !== undefined && time.now >= until) [startedAt, until] = [time.now, undefined];
          if (each.do === 'wait') time.now += each.ms;
          else if (each.do === 'succeed') {
            cells.succeeded(SLOT);
            failures = 0;
          } else if (each.do === 'arrive') {
            cells.arrive(SLOT);
            if (until === undefined) [startedAt, failures] = [time.now, 0];
          } else if (each.do === 'release') {
            cells.release(SLOT);
            if (until !== undefined) [startedAt, until] = [time.now, undefined];
          } else {
            for (let i = 0; i < each.times; i++) {
              fail(SLOT, 1);
              if (until !== undefined) continue;
              if (++failures < 5) continue;
              failures = 0;
              ejections++;
              times++;
              until = time.now + 30_000 * Math.min(times, 10);
            }
          }
          // Only time may pass before a thread reads: then the instance returns at that moment.
          if (until !== undefined && time.now >= until) [startedAt, until] = [time.now, undefined];
          const seen = cells.state(SLOT);
          if (until !== undefined)
            expect(seen).to.deep.equal({ state: 'ejected', leftMs: until - time.now, times });
          else if (time.now - startedAt < 10_000) {
            expect(seen).to.deep.equal({ state: 'starting', ageMs: time.now - startedAt });
          } else expect(seen).to.deep.equal({ state: 'in' });
          // A quiet period of less than five minutes does not erase the history.
          fc.pre(time.now - startMs < 299_000);
        }
        expect(events.filter((line) => line.startsWith('ejected'))).to.have.length(ejections);
      }),
      { numRuns: 200 },
    );
  });
});
