import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { NamedBreakers } from '#src/memory/breaker/named-breakers.js';
import { MAX_ENDPOINTS, NAMED_BREAKERS } from '#src/memory/layout.js';
import { NameTable } from '#src/memory/name-table.js';
import { Part } from '#src/memory/part.js';

describe('names in shared memory', () => {
  const two = () => {
    const block = Block.create({ workers: 1 });
    return [new NameTable(block, 'rate'), new NameTable(Block.attach(block.buffer), 'rate')] as const;
  };

  it('have one row each, in every thread', () => {
    const [one, other] = two();
    expect(one.rowOf('a')).to.equal(other.rowOf('a'));
    expect(one.rowOf('b')).not.to.equal(one.rowOf('a'));
    expect(one.nameOf(other.rowOf('b'))).to.equal('b');
  });

  it('are written by the next thread that uses them when the first died while it wrote them', () => {
    const block = Block.create({ workers: 1 });
    const row = new NameTable(block, 'rate').rowOf('a');
    // This is all that the first thread has written.
    Atomics.store(block.words('rateNameLength', row), 0, 0);
    block.bytes('rateName', row).fill(0);
    const table = new NameTable(block, 'rate');
    expect([table.rowOf('a'), table.list()]).to.deep.equal([row, [{ row, name: 'a', terms: undefined }]]);
  });

  it('keep the numbers of the first thread, unless they are replaced', () => {
    const [one, other] = two();
    const row = one.rowOf('a');
    expect(other.termsOf(row)).to.equal(undefined);
    expect(one.agree(row, [0, 2 ** 31 - 2], false)).to.equal(true);
    expect(other.agree(row, [0, 2 ** 31 - 2], false)).to.equal(true);
    expect(other.agree(row, [0, 7], false)).to.equal(false);
    expect(one.list()).to.deep.equal([{ row, name: 'a', terms: [0, 2 ** 31 - 2, -1, -1, -1, -1, -1, -1] }]);
    expect(other.agree(row, [0, 7], true)).to.equal(true);
    expect(one.agree(row, [0, 7], false)).to.equal(true);
  });

  it('have breakers after those of endpoints, with a bounded number of rows', () => {
    const breakers = new NamedBreakers(Block.create({ workers: 1 }));
    const slots = Array.from({ length: NAMED_BREAKERS }, (_, n) => breakers.slotOf(`name ${n}`));
    expect(Math.min(...slots)).to.equal(MAX_ENDPOINTS);
    expect(new Set(slots).size).to.equal(NAMED_BREAKERS);
    expect(breakers.nameOf(slots[3]!)).to.equal('name 3');
    expect([breakers.nameOf(3), breakers.termsOf(3)]).to.deep.equal([undefined, undefined]);
    expect(() => breakers.slotOf('more')).to.throw(
      RangeError,
      '"more" is one too many: there is room for 64',
    );
  });
});

describe('a part of shared memory', () => {
  it('assigns each thread a slot, which is reclaimed with its permits', () => {
    const part = Part.create('bulkhead', 2);
    const [a, b] = [part.slotOf(11), Part.attach('bulkhead', part.buffer).slotOf(12)];
    expect([a, part.slotOf(11)]).to.deep.equal([0, 0]);
    expect(b).to.equal(1);
    expect(() => part.slotOf(13)).to.throw(RangeError, '2 threads');
    const held: number[] = [];
    expect(part.reclaim(12, (slot) => held.push(slot))).to.equal(true);
    expect(part.reclaim(12, (slot) => held.push(slot))).to.equal(false);
    expect(held).to.deep.equal([1]);
    expect(part.slotOf(13)).to.equal(1);
  });

  it('reclaims no slot for an invalid thread id, such as that of an ended Worker', async () => {
    const part = Part.create('bulkhead', 3);
    expect(part.slotOf(11)).to.equal(0);
    const ended = new Worker('', { eval: true });
    await once(ended, 'exit');
    const reclaimed: number[] = [];
    for (const wrong of [ended.threadId, 1.5, 2 ** 31 - 1, Number.NaN, undefined as unknown as number]) {
      const reclaim = () => part.reclaim(wrong, (slot) => reclaimed.push(slot));
      expect(reclaim).to.throw(RangeError, `${wrong} is no thread's id`);
    }
    expect(reclaimed).to.deep.equal([]);
  });

  it('has its own fields and no others', () => {
    expect(() => Part.create('breaker', 1).table('rateBuckets')).to.throw(RangeError, 'rateBuckets');
  });

  it('is refused where another kind of memory is required, and so is a buffer of no kind', () => {
    const { buffer } = Part.create('breaker', 1);
    for (const wrong of [buffer, new SharedArrayBuffer(8), new ArrayBuffer(64), null]) {
      expect(() => Part.attach('bulkhead', wrong as SharedArrayBuffer)).to.throw(Error, 'bulkhead: not');
    }
  });
});
