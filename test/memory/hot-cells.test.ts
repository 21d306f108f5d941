// The keys that are refused, as threads note them and the primary reads them.
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { RefusedCells, RefusedKeys } from '#src/memory/rate/hot-cells.js';
import { ShareReader } from '#src/memory/rate/share-page.js';
import { setUp } from './cluster-world.js';
import { atEachCall } from './cut-off-calls.js';

describe('keys that a thread refuses', () => {
  const setUpCells = () => {
    const block = Block.create({ workers: 1 });
    return { cells: new RefusedCells(block, 1), keys: new RefusedKeys(block) };
  };

  it('are found when another key has come to weigh the same', () => {
    const { cells, keys } = setUpCells();
    // Both are noted in one cell.
    for (let n = 0; n < 3; n++) cells.note(1, 16, 10, 5);
    expect(keys.read()).to.deep.equal([{ low: 1, high: 16, interval: 10, burst: 5 }]);
    for (let n = 0; n < 5; n++) cells.note(2, 32, 20, 6);
    expect(keys.read()).to.deep.equal([{ low: 2, high: 32, interval: 20, burst: 6 }]);
  });

  it('are found each time they are refused, and not when another one is', () => {
    const { cells, keys } = setUpCells();
    for (let n = 0; n < 3; n++) cells.note(1, 16, 10, 5);
    keys.read();
    cells.note(2, 16, 10, 5);
    expect(keys.read()).to.deep.equal([]);
    cells.note(1, 16, 10, 5);
    expect(keys.read()).to.have.lengthOf(1);
    expect(keys.read()).to.deep.equal([]);
  });

  it('with the same half of their hashes have different parts', () => {
    const { block, time, page, members } = setUp();
    const reader = new ShareReader(block, () => time.now);
    members(2);
    const part = { interval: 1, burst: 1, isShare: false, rate: 1, permits: 1 };
    page.divide([5, 6, 7].map((high, slot) => ({ ...part, low: 1, high, slot })));
    reader.current();
    expect([5, 6, 7, 8].map((high) => reader.hot(1, high)?.slot)).to.deep.equal([0, 1, 2, undefined]);
  });

  it('have the parts of the share of now, wherever the reading of it was cut off', () => {
    const part = { interval: 1, burst: 1, isShare: false, rate: 1, permits: 1, low: 1, high: 5 };
    atEachCall(
      () => {
        const { block, time, page, members } = setUp();
        const readers = [1, 2].map(() => new ShareReader(block, () => time.now));
        members(2);
        for (const reader of readers) reader.current();
        members(3);
        page.divide([{ ...part, slot: 4 }]);
        return readers;
      },
      ([cutOff]) => cutOff!.current(),
      (readers) => {
        const seen = readers.map((reader) => [reader.current()?.members.length, reader.hot(1, 5)?.slot]);
        expect(seen).to.deep.equal([
          [3, 4],
          [3, 4],
        ]);
      },
    );
  });
});
