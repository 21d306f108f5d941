import { expect } from 'chai';
import { AdmissionCells, readInFlight, reclaimAdmission } from '#src/memory/admission-cells.js';
import { Block } from '#src/memory/block.js';
import { lostPermits } from '#src/memory/lost-permits.js';
import { cutInTwo } from './stepped-atomics.js';

describe('permits of a lost worker', () => {
  it('count as held while another thread is stopped in the middle of an operation, which is logged once, and are then released', () => {
    const block = Block.create({ workers: 2 });
    const enter = (slot: number): void => {
      const route = new AdmissionCells(block, slot).routeOf('a');
      const before = readInFlight(block);
      cutInTwo(
        () => route.enter(),
        () => readInFlight(block) > before,
      );
    };
    const [lines, gauges]: [string[], number[]] = [[], []];
    const note = (_fields: unknown, line?: string): number => lines.push(line ?? String(_fields));
    const gauge = { set: (value: number) => void gauges.push(value), add: () => undefined };
    const look = lostPermits(block, gauge, { info: note, warn: note });
    look();
    enter(1);
    enter(2);
    reclaimAdmission(block, 1);
    for (let n = 0; n < 20; n++) look();
    expect(gauges).to.deep.equal([0, ...Array<number>(20).fill(1)]);
    expect(readInFlight(block)).to.equal(2);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.include('may still count');

    reclaimAdmission(block, 2);
    look();
    expect([gauges.at(-1), readInFlight(block), lines.at(-1)]).to.deep.equal([
      0,
      0,
      'permits of a lost worker are released',
    ]);
  });
});
