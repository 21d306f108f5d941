// MAX_IN_FLIGHT, and how routes share it.
import { expect } from 'chai';
import { AdmissionCells } from '#src/memory/admission-cells.js';
import { Block } from '#src/memory/block.js';
import { ROUTES } from '#src/memory/layout.js';
import { Admission, type AdmissionGate } from '#src/resilience/admission.js';
import { TUNING } from '#src/resilience/overload-tuning.js';
import { fill, setUp, teach } from './admission-world.js';
import { ManualLoop } from './manual-loop.js';

describe('admission at MAX_IN_FLIGHT', () => {
  it('lets one route hold all of MAX_IN_FLIGHT, but leaves an eighth to other routes that are in use', () => {
    const alone = setUp({ most: 1_000 });
    expect(fill(alone.admission.gate('normal', 'slow'))).to.equal(1_000);
    expect(alone.refused).to.deep.equal(['max_in_flight']);

    const shared = setUp({ most: 1_000 });
    const [slow, other] = ['slow', 'other'].map((name) => shared.admission.gate('normal', name)) as [
      AdmissionGate,
      AdmissionGate,
    ];
    other.enter();
    fill(slow, 250);
    shared.loop.sleep(50);
    shared.admission.beat();
    expect(fill(slow)).to.equal(875 - 250);
    expect(fill(other, 100)).to.equal(100);
    expect(shared.refused).to.deep.equal(['route_share']);
    expect(shared.admission.gate('critical', 'urgent').enter()).to.equal(1);
  });

  it('leaves room for routes that are in use in other threads, or whose requests were all rejected so far', () => {
    const block = Block.create({ workers: 2 });
    const threads = [1, 2].map((slot) => {
      const loop = new ManualLoop(1_000);
      const cells = new AdmissionCells(block, slot);
      const admission = new Admission({ cells, onRefused() {}, most: 1_000, isAdaptive: true, loop });
      const [slow, other] = ['slow', 'other'].map((name) => admission.gate('normal', name)) as [
        AdmissionGate,
        AdmissionGate,
      ];
      const beat = (): void => {
        loop.sleep(50);
        admission.beat();
      };
      return { slow, other, beat };
    });
    const [one, two] = threads as [(typeof threads)[0], (typeof threads)[0]];
    expect(fill(one.slow)).to.equal(1_000);
    expect(two.other.enter()).to.equal(0);
    for (const { beat } of [two, one]) beat();
    for (let n = 0; n < 100; n++) one.slow.leave();
    expect([one.slow.enter(), two.slow.enter()]).to.deep.equal([0, 0]);
    expect(fill(two.other, 100)).to.equal(100);
  });

  it('also divides MAX_IN_FLIGHT among routes beyond those that are counted individually', () => {
    const { admission, loop } = setUp({ most: 1_000 });
    const gates = Array.from({ length: ROUTES + 2 }, (_, n) => admission.gate('normal', `route ${n}`));
    const [cheap, slow] = [gates[0]!, gates.at(-1)!];
    const [another] = gates.slice(-2);
    cheap.enter();
    fill(slow, 250);
    loop.sleep(50);
    admission.beat();
    fill(slow);
    expect(another!.enter(), 'they share as one').to.equal(0);
    expect(cheap.enter()).to.equal(2);
  });

  it('does not divide a small MAX_IN_FLIGHT', () => {
    const { loop, admission, refused } = setUp({ most: 256 });
    const [slow, other] = ['slow', 'other'].map((name) => admission.gate('normal', name)) as [
      AdmissionGate,
      AdmissionGate,
    ];
    other.enter();
    slow.enter();
    loop.sleep(50);
    admission.beat();
    expect(fill(slow)).to.equal(254);
    expect(refused).to.deep.equal(['max_in_flight']);
  });

  it('rejects only at MAX_IN_FLIGHT when the adaptive limit is off', () => {
    const world = setUp({ most: 1_000, isAdaptive: false });
    const gate = world.admission.gate('normal', 'heavy');
    teach(world, gate, 5);
    expect(fill(gate)).to.equal(1_000);
    expect(world.refused).to.deep.equal(['max_in_flight']);
    world.loop.sleep(50);
    world.admission.beat();
    expect(world.state().owedMs, 'nothing is shown that is not counted').to.equal(0);
    for (let n = 0; n < 1_000; n++) gate.leave();
    expect(fill(world.admission.gate('background', 'later'))).to.equal(500);
  });

  it('also delays rejections at MAX_IN_FLIGHT', () => {
    const { loop, admission, refused } = setUp({ most: 100 });
    const gate = admission.gate('normal', 'slow');
    fill(gate);
    for (let turn = 0; turn < 50; turn++) {
      for (let n = 0; n < 1_000; n++) gate.enter();
      loop.work(1_000 * 0.015);
      loop.turn();
      loop.sleep(20);
      admission.beat();
    }
    expect([...new Set(refused)]).to.deep.equal(['max_in_flight']);
    expect(gate.holdMs).to.equal(TUNING.mostHoldMs);
  });
});
