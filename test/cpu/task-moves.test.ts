// Buffers that are moved instead of copied, to a task and back.
import { expect } from 'chai';
import { rejection, TestPool } from './task-kit.js';

const filled = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(5);

describe('a buffer that is moved to a CPU task', () => {
  let kit: TestPool;

  before(() => {
    kit = new TestPool(1);
  });

  after(() => kit.close());

  it('arrives with its bytes, and the caller has it no more', async () => {
    const bytes = filled(1_000);
    const result = kit.cpu.run('sumOf', { bytes }, { transfer: [bytes.buffer] });
    expect(bytes.byteLength).to.equal(0);
    expect(await result).to.equal(5_000);
  });

  it('arrives as every kind of view, with its place in the buffer', async () => {
    const buffer = new ArrayBuffer(64);
    new Uint8Array(buffer).set([1, 2, 3, 4], 16);
    const views = {
      buffer,
      bytes: new Uint8Array(buffer, 16, 4),
      same: new Uint8Array(buffer, 16, 2),
      words: new Int32Array(buffer, 16, 1),
      long: new BigInt64Array(buffer, 16, 1),
      doubles: new Float64Array(buffer),
      view: new DataView(buffer, 16, 4),
      node: Buffer.from(buffer, 16, 4),
      other: new Uint16Array([7, 8]),
    };
    const { node: _, view: _view, ...rest } = structuredClone(views);
    const { node: shownNode, ...shown } = await kit.cpu.run<typeof views>('echo', views, {
      transfer: [buffer],
    });
    for (const [name, value] of Object.entries(rest)) expect(shown, name).to.have.deep.property(name, value);
    expect(shownNode).to.be.instanceOf(Buffer);
    expect(shownNode.toString('hex')).to.equal('01020304');
    expect(shown.view.getUint32(0)).to.equal(0x01020304);
    expect(views.buffer.byteLength).to.equal(0);
    expect(views.other).to.have.length(2);
  });

  it('is one buffer for all of its views', async () => {
    const buffer = new ArrayBuffer(8);
    const views = { a: new Uint8Array(buffer), b: new Uint8Array(buffer), buffer };
    expect(await kit.cpu.run('shareBuffer', views)).to.equal(true);
    expect(await kit.cpu.run('shareBuffer', views, { transfer: [buffer] })).to.equal(true);
  });

  it('is refused with its number when it was moved by an earlier call', async () => {
    const bytes = filled(10);
    await kit.cpu.run('sumOf', { bytes: null }, { transfer: [bytes.buffer] });
    const error = await rejection(kit.cpu.run('sumOf', { bytes: null }, { transfer: [bytes.buffer] }));
    expect(error).to.be.instanceOf(TypeError);
    expect(error.message).to.include('transfer[0] was moved by an earlier call');
  });

  it('stays with the caller when the call is refused', async () => {
    const bytes = filled(10);
    const { buffer } = bytes;
    const shared = new SharedArrayBuffer(1) as unknown as ArrayBuffer;
    for (const [input, transfer, reason] of [
      [{ bytes, fn: () => 1 }, [buffer], 'could not be cloned'],
      [{ bytes }, [buffer, buffer], 'transfer[1] is in the list twice'],
      [{ bytes }, [buffer, bytes as unknown as ArrayBuffer], 'transfer[1] must be an ArrayBuffer'],
      [{ bytes }, [shared], 'transfer[0] must be an ArrayBuffer'],
      [{ bytes, gone: new Response() }, [buffer], 'would arrive as an empty object'],
    ] as const) {
      const error = await rejection(kit.cpu.run('sumOf', input, { transfer }));
      expect(error.message).to.include('CPU task sumOf').and.to.include(reason);
      expect(bytes.byteLength).to.equal(10);
    }
  });

  it('is moved back inside of a result that the task marks, and else copied', async () => {
    const bytes = filled(1_000_000);
    const back = await kit.cpu.run<{ bytes: Uint8Array; left: number }>(
      'passOn',
      { bytes, isMarked: true },
      { transfer: [bytes.buffer] },
    );
    expect(back.bytes).to.have.length(1_000_000);
    expect(back.bytes[999_999]).to.equal(5);
    expect(await kit.cpu.run('bytesLeft', null)).to.equal(0);
    await kit.cpu.run('passOn', { bytes: filled(10), isMarked: false });
    expect(await kit.cpu.run('bytesLeft', null)).to.equal(10);
  });

  it('fails the task that marks it twice', async () => {
    const error = await rejection(kit.cpu.run('passOnTwice', filled(10)));
    expect(error.message).to.include('transfer[1] is in the list twice');
  });
});
