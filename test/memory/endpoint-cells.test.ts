import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import { AGES_MS } from './ages.js';

function setUp() {
  const time = { now: 0 };
  const block = Block.create({ workers: 3 });
  const of = (worker: number) => new EndpointCells(block, worker, () => time.now);
  return { time, of };
}

describe('endpoint cells', () => {
  it('count the calls of all workers together', () => {
    const { of } = setUp();
    const [first, second] = [of(1), of(2)];
    first.begin(7);
    second.begin(7);
    second.begin(7);
    second.begin(8);
    expect(of(3).inFlight(7)).to.equal(3);
    second.end(7);
    expect(of(3).inFlight(7)).to.equal(2);
    expect(of(3).inFlight(8)).to.equal(1);
  });

  it('release the calls of a lost worker, and none of other workers', () => {
    const { of } = setUp();
    of(1).begin(7);
    of(2).begin(7);
    of(2).begin(7);
    of(2).begin(1023);
    of(0).reclaim(2);
    expect(of(0).inFlight(7)).to.equal(1);
    expect(of(0).inFlight(1023)).to.equal(0);
  });

  it('count the calls that living workers have under way, whatever is begun, ended, reset and reclaimed', () => {
    const step = fc.record({
      do: fc.constantFrom('begin', 'begin', 'end', 'reset', 'reclaim'),
      worker: fc.integer({ min: 1, max: 3 }),
      slot: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { of } = setUp();
        const cells = [0, 1, 2, 3].map(of);
        const calls = cells.map(() => [0, 0, 0]);
        for (const each of steps) {
          const [own, under] = [cells[each.worker]!, calls[each.worker]!];
          if (each.do === 'begin') {
            own.begin(each.slot);
            under[each.slot]!++;
          } else if (each.do === 'end' && under[each.slot]! > 0) {
            own.end(each.slot);
            under[each.slot]!--;
          } else if (each.do === 'reset') cells[0]!.reset(each.slot);
          else if (each.do === 'reclaim') {
            cells[0]!.reclaim(each.worker);
            under.fill(0);
          }
          for (const slot of [0, 1, 2]) {
            expect(own.inFlight(slot)).to.equal(calls.reduce((sum, one) => sum + one[slot]!, 0));
          }
        }
      }),
    );
  });

  it('know a latency from calls without a response, which only raise it, and compare it at once', () => {
    const { of } = setUp();
    const cells = of(1);
    cells.unanswered(7, 300_000);
    expect([cells.latency(7), cells.look(7, 0).latency]).to.deep.equal([300_000, 300_000]);
    cells.unanswered(7, 1_000);
    expect(cells.latency(7)).to.equal(300_000);
    expect(cells.hasResponded(7, Number.POSITIVE_INFINITY, 0)).to.equal(false);
    cells.observe(7, 300_000);
    expect(cells.hasResponded(7, Number.POSITIVE_INFINITY, 0)).to.equal(true);
    expect(cells.hasResponded(7, 300_000, 0)).to.equal(false);
    cells.reset(7);
    expect([cells.latency(7), cells.hasResponded(7, Number.POSITIVE_INFINITY, 0)]).to.deep.equal([0, false]);
  });

  it('hold a doubt about an endpoint for a minute, at any age of the process', () => {
    const { time, of } = setUp();
    for (const age of AGES_MS) {
      time.now = age;
      of(1).reset(7);
      expect(of(1).isDoubted(7, age), `${age}`).to.equal(false);
      of(1).doubt(7);
      for (const [silence, isDoubted] of [
        [0, true],
        [59_000, true],
        [61_000, false],
        [2 ** 31, false],
      ] as const)
        expect(of(2).isDoubted(7, age + silence), `${age} and ${silence}`).to.equal(isDoubted);
    }
  });

  it('have no latency before the first response', () => {
    expect(setUp().of(1).smoothedLatency(7)).to.equal(0);
  });

  it('take the first latency as it is, and a quarter of every later one', () => {
    const { of } = setUp();
    of(1).observe(7, 800);
    expect(of(2).smoothedLatency(7)).to.equal(800);
    of(2).observe(7, 1600);
    expect(of(1).smoothedLatency(7)).to.equal(1000);
  });

  it('halve a latency that was not renewed for ten seconds', () => {
    const { time, of } = setUp();
    of(1).observe(7, 800);
    time.now = 10_000;
    expect(of(1).smoothedLatency(7)).to.equal(400);
    time.now = 30_000;
    expect(of(1).smoothedLatency(7)).to.equal(100);
  });

  it('compare by latency only after ten responses, since the first ones include cold starts', () => {
    const { of } = setUp();
    for (let i = 0; i < 9; i++) of(1 + (i % 3)).observe(7, 500);
    expect(of(1).latency(7)).to.equal(0);
    of(1).observe(7, 500);
    expect(of(2).latency(7)).to.equal(500);
    of(0).reset(7);
    of(1).observe(7, 500);
    expect(of(2).latency(7)).to.equal(0);
  });

  it('forget the latency for another endpoint in the slot, and count calls until they end', () => {
    const { of } = setUp();
    of(1).begin(7);
    of(1).observe(7, 800);
    of(0).reset(7);
    expect([of(0).inFlight(7), of(0).smoothedLatency(7)]).to.deep.equal([1, 0]);
    of(1).end(7);
    expect(of(0).inFlight(7)).to.equal(0);
  });
});
