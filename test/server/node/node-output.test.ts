// What waits for a client that reads slowly.
import { type Duplex, Writable } from 'node:stream';
import { expect } from 'chai';
import { NodeOutput } from '#src/server/node/node-output.js';
import { settled } from '../kit.js';

/** A socket that takes what it gets when the test says so, or at once. */
class SlowSocket extends Writable {
  readonly taken: Buffer[] = [];
  takesAtOnce = false;
  #take: (() => void) | undefined;

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    const take = (): void => {
      this.#take = undefined;
      this.taken.push(...chunks.map(({ chunk }) => chunk));
      done();
    };
    if (this.takesAtOnce) take();
    else this.#take = take;
  }

  take(): void {
    this.#take?.();
  }

  get text(): string {
    return Buffer.concat(this.taken).toString();
  }
}

const bytes = (text: string): Buffer => Buffer.from(text);

describe('the output of a WebSocket', () => {
  let socket: SlowSocket;
  let output: NodeOutput;
  let drains: number;

  beforeEach(() => {
    socket = new SlowSocket();
    drains = 0;
    output = new NodeOutput(socket as unknown as Duplex, () => drains++);
  });

  it('passes a frame that is taken at once: nothing waits', async () => {
    socket.takesAtOnce = true;
    expect(output.write(bytes('a'))).to.equal(true);
    expect(output.write(bytes('b'))).to.equal(true);
    expect([socket.text, output.bytes]).to.deep.equal(['ab', 0]);
    await settled();
    expect(drains).to.equal(0);
  });

  it('counts what waits, and keeps its order', async () => {
    expect(output.write(bytes('first,'))).to.equal(false);
    for (let n = 0; n < 10_000; n++) expect(output.write(bytes(`${n},`))).to.equal(false);
    expect(output.write(bytes('x'.repeat(5000)))).to.equal(false);
    expect(output.writeLater(bytes('last'))).to.equal(false);
    const numbers = Array.from({ length: 10_000 }, (_, n) => `${n},`).join('');
    const all = `first,${numbers}${'x'.repeat(5000)}last`;
    expect([output.bytes, output.bufferedBytes]).to.deep.equal([all.length, all.length]);
    while (output.bytes > 0) {
      socket.take();
      await settled();
    }
    expect(socket.text).to.equal(all);
    expect(drains).to.be.greaterThan(0);
  });

  it('keeps many small frames in few blocks', async () => {
    for (let n = 0; n < 100_000; n++) output.write(bytes('abc'));
    socket.takesAtOnce = true;
    socket.take();
    await settled();
    expect(output.bytes).to.equal(0);
    expect(socket.taken.length).to.be.lessThan(100);
  });

  it('reports a drain only when something was buffered', async () => {
    output.write(bytes('a'));
    socket.take();
    await settled();
    expect(drains).to.equal(1);
    output.hold();
    expect(output.write(bytes('b'))).to.equal(true);
    expect([output.bytes, output.bufferedBytes]).to.deep.equal([1, 0]);
    socket.takesAtOnce = true;
    output.release();
    await settled();
    expect(drains).to.equal(1);
  });

  it('passes together what is written while it is held, at the latest when that is much', () => {
    socket.takesAtOnce = true;
    output.hold();
    for (let n = 0; n < 100; n++) output.write(bytes('ab'));
    expect(socket.taken).to.deep.equal([]);
    output.release();
    expect(socket.text).to.equal('ab'.repeat(100));
    output.hold();
    output.write(Buffer.alloc(64 * 1024));
    expect(output.bytes).to.equal(0);
  });

  it('asks once for the release of frames that may wait', () => {
    socket.takesAtOnce = true;
    expect(output.writeLater(bytes('a'))).to.equal(true);
    expect(output.writeLater(bytes('b'))).to.equal(false);
    expect(socket.text).to.equal('');
    expect(output.write(bytes('c'))).to.equal(true);
    expect(socket.text).to.equal('abc');
    output.release();
    expect(socket.text).to.equal('abc');
  });

  it('ends behind everything that waits', async () => {
    output.write(bytes('a'));
    output.write(bytes('b'));
    output.writeLater(bytes('c'));
    output.end(bytes('end'));
    expect(socket.writableEnded).to.equal(true);
    while (!socket.writableFinished) {
      socket.take();
      await settled();
    }
    expect(socket.text).to.equal('abcend');
  });
});
