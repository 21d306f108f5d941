import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { CHANGES_BYTES, SNAPSHOT_BYTES } from '#src/memory/layout.js';
import { type Cursor, SnapshotLog } from '#src/memory/snapshot-log.js';
import { applied, SEPARATE, Writer } from './published-numbers.js';

describe('the snapshot log', () => {
  it('is empty before the first publication', () => {
    const log = new SnapshotLog(Block.create({ workers: 1 }));
    expect(log.read()).to.include({ text: '', isWhole: true, count: 0 });
  });

  it('gives a reader the lines that it has not read, and a new reader all of them', () => {
    const block = Block.create({ workers: 1 });
    const log = new SnapshotLog(block);
    log.publish('', () => 'whole ü\n');
    const first = log.read();
    expect(first).to.include({ text: 'whole ü\n', isWhole: true, count: 1 });
    log.publish('one ä\n', () => expect.fail('a snapshot was made'));
    log.publish('two\n', () => expect.fail('a snapshot was made'));
    expect(log.read(first.cursor)).to.include({ text: 'one ä\ntwo\n', isWhole: false, count: 3 });
    const { cursor } = log.read(first.cursor);
    expect(log.read(cursor)).to.include({ text: '', isWhole: false });
    expect(log.read()).to.include({ text: 'whole ü\none ä\ntwo\n', isWhole: true });
  });

  it('refuses a snapshot that does not fit, and keeps what was published', () => {
    const log = new SnapshotLog(Block.create({ workers: 1 }));
    log.publish('', () => 'kept\n');
    expect(() => log.publish('x'.repeat(CHANGES_BYTES + 1), () => 'x'.repeat(SNAPSHOT_BYTES + 1))).to.throw(
      RangeError,
    );
    expect(log.read().text).to.equal('kept\n');
    // A reader lacks the change, so the next publication is read as a whole.
    const { cursor } = log.read();
    log.publish('more\n', () => 'kept\nlost\nmore\n');
    expect(log.read(cursor)).to.include({ text: 'kept\nlost\nmore\n', isWhole: true });
    log.publish('last\n', () => expect.fail('a snapshot was made'));
  });

  it('makes a snapshot only when the changes since the last one are longer', () => {
    const writer = new Writer(Block.create({ workers: 1 }), 20_000);
    let bytes = 0;
    for (let n = 0; n < 2_000; n += 1) bytes += writer.publish(300);
    expect(writer.snapshots).to.be.within(bytes / (4 * CHANGES_BYTES), bytes / CHANGES_BYTES + 2);
  });

  it('leads every reader to the state of the writer, however rarely it reads and however long the lines are', () => {
    fc.assert(
      fc.property(
        fc.nat(3 * CHANGES_BYTES),
        fc.array(fc.record({ length: fc.nat(1.5 * CHANGES_BYTES), reads: fc.nat(7) }), { maxLength: 40 }),
        (held, steps) => {
          const block = Block.create({ workers: 1 });
          const writer = new Writer(block, held);
          const log = new SnapshotLog(block);
          const readers: { cursor: Cursor | undefined; state: number }[] = [0, 1, 2].map(() => ({
            cursor: undefined,
            state: 0,
          }));
          for (const { length, reads } of steps) {
            writer.publish(length);
            for (const [index, reader] of readers.entries()) {
              if ((reads & (1 << index)) === 0) continue;
              const { text, isWhole, cursor } = log.read(reader.cursor);
              reader.state = applied(isWhole ? undefined : reader.state, text);
              reader.cursor = cursor;
              expect(reader.state).to.equal(writer.state);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  }).timeout(60_000);

  it('is read again by everybody after the memory was overwritten', () => {
    const block = Block.create({ workers: 1 });
    const writer = new Writer(block, 10);
    const log = new SnapshotLog(block);
    writer.publish(10);
    const { cursor } = log.read();
    for (const word of [1, -1, 0x7fffffff]) {
      new Int32Array(block.buffer).fill(word, 16);
      writer.publish(10);
      const { text, isWhole } = log.read(cursor);
      expect([isWhole, applied(undefined, text)]).to.deep.equal([true, writer.state]);
    }
  });

  it('is never read torn by another thread, and no line is missed', async () => {
    const block = Block.create({ workers: 1 });
    const writer = new Writer(block, 1_000);
    writer.publish(10);
    const reader = new Worker(new URL('./log-reader-thread.js', import.meta.url), {
      workerData: { memory: block.buffer },
    });
    await once(reader, 'online');
    let report: { wrong: number; wholes: number; reads: number } | undefined;
    reader.on('message', (message: typeof report) => {
      report = message;
    });
    for (let round = 1; report === undefined; round += 1) {
      writer.publish(SEPARATE + (round % 3_000));
      if (round % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(report.wrong).to.equal(0);
    expect(report.reads).to.be.greaterThan(10);
  });
});
