import { once } from 'node:events';
import { setImmediate as loopTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { MAX_RECORD, SpanMemory, SpanRingReader, SpanRingWriter } from '#src/memory/span-ring.js';
import { seeded } from '#test/support/random.js';
import { recordText } from './span-texts.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const texts = (reader: SpanRingReader): string[] => reader.take().map(({ text }) => text);

describe('the ring of spans', () => {
  it('gives each record to its reader once', () => {
    const ring = new SpanMemory(1).of(1);
    const writer = new SpanRingWriter(ring);
    const reader = new SpanRingReader(ring);
    expect(texts(reader)).to.deep.equal([]);
    writer.push(bytes('a'));
    writer.push(bytes('ü'));
    expect(texts(reader)).to.deep.equal(['a', 'ü']);
    expect(texts(reader)).to.deep.equal([]);
    writer.push(bytes('b'));
    expect(texts(reader)).to.deep.equal(['b']);
  });

  it('keeps the newest records, whole, whatever their lengths are', () => {
    const random = seeded(20261201);
    const ring = new SpanMemory(512).of(1);
    const writer = new SpanRingWriter(ring);
    const written: string[] = [];
    for (let n = 0; n < 2_000; n++) {
      const text = `${n}:${'x'.repeat(Math.floor(random() * 300))}`;
      written.push(text);
      expect(writer.push(bytes(text))).to.equal(true);
      if (n % 97 !== 0) continue;
      const kept = texts(new SpanRingReader(ring));
      expect(kept).to.deep.equal(written.slice(-kept.length));
      const length = kept.reduce((sum, one) => sum + 8 + one.length, 0);
      if (n > 200) expect(length).to.be.within(16_384 - 2 * 310, 16_384);
    }
  });

  it('does not give a late reader what was overwritten meanwhile', () => {
    const ring = new SpanMemory(512).of(1);
    const writer = new SpanRingWriter(ring);
    const reader = new SpanRingReader(ring);
    writer.push(bytes('first'));
    expect(texts(reader)).to.deep.equal(['first']);
    for (let n = 0; n < 5_000; n++) writer.push(bytes(`record ${n}`));
    const seen = texts(reader);
    expect(seen.at(-1)).to.equal('record 4999');
    expect(seen).to.deep.equal(seen.map((_, at) => `record ${5_000 - seen.length + at}`));
  });

  it('is continued by the next thread of its row', () => {
    const ring = new SpanMemory(1).of(1);
    new SpanRingWriter(ring).push(bytes('of the lost thread'));
    new SpanRingWriter(ring).push(bytes('of the next one'));
    expect(texts(new SpanRingReader(ring))).to.deep.equal(['of the lost thread', 'of the next one']);
  });

  it('refuses a record that would displace most of the others', () => {
    const writer = new SpanRingWriter(new SpanMemory(1).of(1));
    expect(writer.push(new Uint8Array(MAX_RECORD + 1))).to.equal(false);
    expect(writer.push(new Uint8Array(MAX_RECORD))).to.equal(true);
  });

  it('has bounds for all rings together', () => {
    expect(new SpanMemory(1).of(1).byteLength).to.equal(64 + (256 << 10));
    expect(new SpanMemory(60).of(1).byteLength).to.equal(64 + (32 << 10));
    expect(new SpanMemory(600).of(1).byteLength).to.equal(64 + (16 << 10));
  });

  it('gives a reader whole records only, in their order, while another thread writes', async () => {
    const memory = new SpanMemory(512).of(1);
    const count = 60_000;
    const thread = new Worker(new URL('./span-writer-thread.js', import.meta.url), {
      workerData: { memory, count },
    });
    const ended = once(thread, 'exit');
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    const reader = new SpanRingReader(memory);
    let last = -1;
    let seen = 0;
    for (let isLast = false; !isLast; ) {
      isLast = isOver;
      for (const { text } of reader.take()) {
        const number = Number(text.slice(0, text.indexOf(':')));
        expect(number).to.be.greaterThan(last);
        expect(text === recordText(number), `record ${number} is whole`).to.equal(true);
        last = number;
        seen++;
      }
      await loopTurn();
    }
    expect(last).to.equal(count - 1);
    expect(seen).to.be.greaterThan(50);
    await ended;
  });

  it('survives any bytes that code of a service writes over it', () => {
    const random = seeded(7);
    for (let round = 0; round < 60; round++) {
      const ring = new SpanMemory(600).of(1);
      const writer = new SpanRingWriter(ring);
      const reader = new SpanRingReader(ring);
      for (let n = 0; n < 40; n++) writer.push(bytes(`record ${n}`));
      if (round % 2 === 0) reader.take();
      const all = new Uint8Array(ring);
      const first = round % 3 === 0 ? 0 : 64;
      const most = round % 3 === 1 ? all.length : 64 + 400;
      for (let n = 0; n < 30; n++) all[first + Math.floor(random() * (most - first))] = random() * 256;
      expect(reader.take().length).to.be.at.most(ring.byteLength);
      for (let n = 0; n < 3_000; n++) writer.push(bytes(`later ${n}`));
      new SpanRingWriter(ring).push(bytes('of the next thread'));
      expect(new SpanRingReader(ring).take().at(-1)?.text ?? '').to.equal('of the next thread');
    }
  });
});
