import { once } from 'node:events';
import { setImmediate as loopTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { MAX_RECORD, SpanMemory, SpanRingReader, SpanRingWriter } from '#src/memory/span-ring.js';
import { seeded } from '#test/support/random.js';
import { recordText } from './span-texts.js';
import { meanwhileAt, momentsOf } from './stepped-atomics.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const texts = (reader: SpanRingReader): string[] => reader.take().map(({ text }) => text);

/** A text of its number in all its length, so long that few records fill a ring. */
const longText = (number: number): string =>
  `${number}:${String.fromCharCode(97 + (number % 26)).repeat(1_500 + ((number * 37) % 700))}`;

/** More records than a ring has. */
const FILLING = 12;

/** A ring that is full, with its threads: `push` writes the next records, by their numbers. */
function fullRing() {
  const memory = new SpanMemory(512).of(1);
  const writer = new SpanRingWriter(memory);
  const reader = new SpanRingReader(memory);
  let written = 0;
  const push = (count: number): void => {
    for (const end = written + count; written < end; written++) writer.push(bytes(longText(written)));
  };
  push(FILLING);
  return { memory, reader, push };
}

const numbersOf = (records: readonly string[]): number[] =>
  records.map((text) => {
    const number = Number(text.slice(0, text.indexOf(':')));
    expect(text === longText(number), `record ${number} is whole`).to.equal(true);
    return number;
  });

const inOrder = (numbers: readonly number[]): number[] => [...new Set(numbers)].sort((a, b) => a - b);

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

  it('loses no whole record and gives none twice, whenever its thread writes during a reading', () => {
    const moments = momentsOf(() => fullRing().reader.take());
    expect(moments).to.be.at.least(4);
    for (let moment = 0; moment < moments; moment++) {
      for (const count of [1, 2, 5, FILLING]) {
        for (const unread of [0, 1, 3]) {
          const { memory, reader, push } = fullRing();
          // 0: it is the first reading of the ring.
          if (unread > 0) texts(reader);
          push(unread);
          let taken: string[] = [];
          meanwhileAt(
            moment,
            () => push(count),
            () => {
              taken = texts(reader);
            },
          );
          const whole = numbersOf(texts(new SpanRingReader(memory)));
          const given = [...numbersOf(taken), ...numbersOf(texts(reader))];
          const message = `${count} records at moment ${moment}, ${unread} unread`;
          expect(given, message).to.deep.equal(inOrder(given));
          const missing = whole.filter((number) => !given.includes(number));
          expect(
            unread === 0 ? missing : missing.filter((number) => number >= FILLING),
            message,
          ).to.deep.equal([]);
        }
      }
    }
  });

  it('gives whole records only, each once, whenever it is read during a write', () => {
    const moments = momentsOf(() => fullRing().push(1));
    expect(moments).to.be.at.least(4);
    for (let moment = 0; moment < moments; moment++) {
      const { reader, push } = fullRing();
      const given: number[] = [];
      const read = (): void => void given.push(...numbersOf(texts(reader)));
      for (let n = 0; n < 30; n++) meanwhileAt(moment, read, () => push(1));
      read();
      expect(given, `moment ${moment}`).to.deep.equal(inOrder(given));
      expect(given.at(-1)).to.equal(FILLING + 29);
      expect(given.length).to.equal(FILLING + 30 - given[0]!);
    }
  });

  it('omits a record whose bytes are not those that were written, and no other one', () => {
    const ring = new SpanMemory(512).of(1);
    const writer = new SpanRingWriter(ring);
    for (const text of ['first', 'second', 'third']) writer.push(bytes(text));
    const all = new Uint8Array(ring);
    all[Buffer.from(all).indexOf('second') + 2]! ^= 1;
    expect(texts(new SpanRingReader(ring))).to.deep.equal(['first', 'third']);
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
