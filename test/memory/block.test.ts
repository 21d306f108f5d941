import { expect } from 'chai';
import { rowsFor } from '#src/cluster/worker-rows.js';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { FEW_RATE_BUCKETS, LAYOUT, RATE_BUCKETS } from '#src/memory/layout.js';
import { Part } from '#src/memory/part.js';
import { HEADER_BYTES, plan } from '#src/memory/placement.js';

describe('shared memory block', () => {
  it('assigns words of its own to every row of every field', () => {
    const { fields, bytes } = plan({ workers: 3, rateBuckets: FEW_RATE_BUCKETS });
    const spans = Object.entries(fields)
      .map(([name, place]) => ({ name, from: place.offset, to: place.offset + place.stride * place.rows }))
      .sort((a, b) => a.from - b.from);
    let end = HEADER_BYTES;
    for (const span of spans) {
      expect(span.from, span.name).to.be.at.least(end);
      expect(span.from % 64, span.name).to.equal(0);
      end = span.to;
    }
    expect(end).to.be.at.most(bytes);
  });

  it('keeps rows that different threads write on different cache lines', () => {
    const [workers, threads] = [3, 5];
    for (const [name, place] of Object.entries(plan({ workers, rateBuckets: FEW_RATE_BUCKETS }).fields)) {
      expect([place.offset % 64, place.stride % 64], name).to.deep.equal([0, 0]);
      // Everything that a thread has of such a field is one row.
      const { rows } = LAYOUT[name as keyof typeof LAYOUT];
      if (rows.startsWith('worker')) expect(place.rows, name).to.equal(workers + 1);
    }
    for (const [kind, name] of [
      ['breaker', 'heldProbes'],
      ['bulkhead', 'workerBulkheadHeld'],
    ] as const) {
      const { stride, rows } = Part.create(kind, threads).table(name);
      expect([(stride * 4) % 64, rows], name).to.deep.equal([0, threads]);
    }
  });

  it('stays below 160 MiB with the largest number of workers: no field has a row for each pair of them', () => {
    const bytes = (workers: number) => plan({ workers: rowsFor(workers), rateBuckets: RATE_BUCKETS }).bytes;
    expect(bytes(256)).to.be.at.most(160 << 20);
    // Two thirds of the bytes of a slot are rows for endpoints, and most of the rest are counts by client
    // address.
    const perSlot = (bytes(256) - bytes(128)) / (rowsFor(256) - rowsFor(128));
    expect(perSlot).to.be.at.most(320 << 10);
    expect((bytes(128) - bytes(64)) / (rowsFor(128) - rowsFor(64))).to.be.closeTo(perSlot, 64);
  });

  it('is the same memory for every thread that attaches', () => {
    const block = Block.create({ workers: 2 });
    const other = Block.attach(block.buffer);
    Atomics.store(block.words('workerRequests', 2), 0, 7);
    expect(Atomics.load(other.words('workerRequests', 2), 0)).to.equal(7);
    expect(other.epochNs).to.equal(block.epochNs);
    expect(Math.abs(sharedClock(block)() - sharedClock(other)())).to.be.lessThan(50);
  });

  it('refuses a buffer that is not a block, and one laid out by another version', () => {
    expect(() => Block.attach(new SharedArrayBuffer(4096))).to.throw('not a Multilane block');
    const block = Block.create({ workers: 1 });
    new Int32Array(block.buffer)[1]! ^= 1;
    expect(() => Block.attach(block.buffer)).to.throw('another version');
  });

  it('refuses a row that does not exist', () => {
    const block = Block.create({ workers: 1 });
    expect(() => block.words('workerHeartbeat', 2)).to.throw(RangeError);
  });
});
