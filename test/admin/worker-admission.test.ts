import { expect } from 'chai';
import { readWorkerAdmission, type ShownThread } from '#src/admin/worker-admission.js';
import { AdmissionCells } from '#src/memory/admission-cells.js';
import { Block } from '#src/memory/block.js';

const ready: ShownThread['state'] = { kind: 'ready', descriptor: { slot: 1, app: undefined } };

describe('the admission state of a worker', () => {
  for (const [name, state, isShedding] of [
    ['holds while it serves', ready, true],
    ['does not hold while it is stalled', { kind: 'stalled', before: ready }, false],
  ] as const) {
    it(name, () => {
      const block = Block.create({ workers: 1 });
      const cells = new AdmissionCells(block, 1);
      cells.routeOf('a').enter();
      cells.publish({ isShedding: true, boundMs: 20, owedMs: 10, holdMs: 30 });
      const shown = readWorkerAdmission(block, { worker: 1, generation: 1, slot: 1, state });
      expect(shown.inFlight, 'what it holds, it holds').to.equal(1);
      expect(shown.isShedding).to.equal(isShedding);
      expect([shown.boundMs, shown.owedMs, shown.holdMs].some((ms) => ms > 0)).to.equal(isShedding);
    });
  }
});
