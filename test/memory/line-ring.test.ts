import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { MAX_RING_LINE, newRingMemory, RingReader, RingWriter } from '#src/memory/line-ring.js';

function ring() {
  const memory = newRingMemory();
  return { memory, writer: new RingWriter(memory), reader: new RingReader(memory) };
}

describe('a ring of lines in shared memory', () => {
  it('returns each written line once', () => {
    const { writer, reader } = ring();
    expect(writer.push(Buffer.from('one\n')) && writer.push(Buffer.from('two\n'))).to.equal(true);
    expect(reader.take().toString()).to.equal('one\ntwo\n');
    expect(reader.take().toString()).to.equal('');
  });

  it('accepts a whole line or none of it, and has room again after a read', () => {
    const { writer, reader } = ring();
    const line = Buffer.alloc(MAX_RING_LINE, 'a');
    for (let n = 0; n < 4; n++) expect(writer.push(line)).to.equal(true);
    expect(writer.push(Buffer.from('b'))).to.equal(false);
    expect(reader.take().toString()).to.equal('a'.repeat(4 * MAX_RING_LINE));
    expect(writer.push(Buffer.from('b'))).to.equal(true);
    expect(reader.take().toString()).to.equal('b');
  });

  it('continues to work when its positions wrap around', () => {
    const { memory } = ring();
    new Uint32Array(memory, 0, 2).fill(2 ** 32 - 3);
    const reader = new RingReader(memory);
    const writer = new RingWriter(memory);
    reader.take();
    writer.push(Buffer.from('abcdef'));
    expect(reader.take().toString()).to.equal('abcdef');
  });

  it('stays within its memory, whatever values the other side writes to its positions', () => {
    const { memory, writer, reader } = ring();
    const cells = new Uint32Array(memory, 0, 2);
    for (const [written, read] of [
      [2 ** 32 - 1, 0],
      [5, 7],
      [0, 2 ** 31],
    ] as const) {
      cells.set([written, read]);
      expect(reader.take().length).to.be.at.most(4 * MAX_RING_LINE);
    }
    reader.take();
    writer.push(Buffer.from('after\n'));
    expect(reader.take().toString()).to.match(/after\n$/);
  });

  it('tears no line of a thread that writes while another reads', async () => {
    const { memory, reader } = ring();
    const count = 8_000;
    const entry = new URL('./line-writer-thread.js', import.meta.url);
    const thread = new Worker(entry, { workerData: { memory, count } });
    let ended = false;
    const ending = once(thread, 'exit').then(() => {
      ended = true;
    });
    let next = 0;
    const read = (): void => {
      const lines = reader.take().toString().split('\n');
      expect(lines.pop(), 'whole lines').to.equal('');
      for (const line of lines) {
        if (line !== `${next} ${'x'.repeat((next * 37) % 5000)}`) throw new Error(`line ${next} is torn`);
        next++;
      }
    };
    while (!ended) {
      read();
      await turn();
    }
    await ending;
    read();
    expect(next).to.equal(count);
  }).timeout(30_000);
});
