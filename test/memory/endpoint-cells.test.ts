import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';

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
