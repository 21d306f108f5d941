import { types } from 'node:util';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import { packedClone, unpackedClone } from '#src/cpu/task-clone.js';

const cloned = <T>(value: T, transfer: readonly ArrayBuffer[] = []): T =>
  unpackedClone(packedClone(value, transfer)) as T;

type Class = new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView;

const CLASSES: readonly Class[] = [
  DataView,
  Int8Array,
  Uint8Array,
  Uint16Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
];

/** A buffer, or a view: the class, the buffer by its number, and its part in units of 8 bytes. */
const member = fc.record({
  Class: fc.constantFrom(undefined, ...CLASSES),
  buffer: fc.nat(2),
  offset: fc.nat(3),
  length: fc.nat(4),
});
type Member = typeof member extends fc.Arbitrary<infer T> ? T : never;

/** What a value is made of: buffers are numbered, so that it shows which of them are the same. */
function shape(values: readonly (ArrayBuffer | ArrayBufferView)[]): unknown[] {
  const buffers: unknown[] = [];
  const numberOf = (buffer: unknown): number => {
    if (!buffers.includes(buffer)) buffers.push(buffer);
    return buffers.indexOf(buffer);
  };
  return values.map((value) => {
    const buffer = (ArrayBuffer.isView(value) ? value.buffer : value) as ArrayBuffer;
    const bytes = [...new Uint8Array(buffer)];
    if (!ArrayBuffer.isView(value)) return ['buffer', numberOf(buffer), bytes];
    return [value.constructor.name, numberOf(buffer), value.byteOffset, value.byteLength, bytes];
  });
}

function made(members: readonly Member[]): (ArrayBuffer | ArrayBufferView)[] {
  const buffers = [1, 2, 3].map((fill) => new Uint8Array(64).fill(fill).buffer);
  return members.map(({ Class, buffer, offset, length }) => {
    const { BYTES_PER_ELEMENT: size = 1 } = (Class ?? {}) as { BYTES_PER_ELEMENT?: number };
    if (Class === undefined) return buffers[buffer]!;
    return new Class(buffers[buffer]!, offset * 8, (length * 8) / size);
  });
}

describe('the clone of an input or a result of a CPU task', () => {
  it('has the buffers and views that structuredClone makes, copied or moved', () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 8 }), fc.boolean(), (members, isMoved) => {
        const value = made(members);
        const expected = shape(structuredClone(value));
        const buffers = new Set(value.map((one) => (ArrayBuffer.isView(one) ? one.buffer : one)));
        const shown = cloned(value, isMoved ? ([...buffers] as ArrayBuffer[]) : []);
        expect(shape(shown)).to.deep.equal(expected);
      }),
    );
  });

  it('has a buffer of its own for each Buffer, and nothing of the buffer that small ones share', () => {
    const bytes = fc.uint8Array({ maxLength: 20 });
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1, maxLength: 5 }), fc.string(), (all, beside) => {
        const value = { beside, list: all.map((one) => Buffer.from(one)) };
        const { list } = cloned(value);
        for (const [at, one] of list.entries()) {
          expect(Buffer.isBuffer(one)).to.equal(true);
          expect([...one]).to.deep.equal([...all[at]!]);
          expect([one.byteOffset, one.buffer.byteLength]).to.deep.equal([0, one.length]);
        }
      }),
    );
  });

  it('has a copy of its own for each view of shared memory', () => {
    const memory = new SharedArrayBuffer(64);
    const words = new Uint32Array(memory, 8, 2).fill(7);
    const [copy, same] = cloned([words, words]);
    expect(types.isSharedArrayBuffer(copy!.buffer)).to.equal(false);
    expect([...copy!, copy!.buffer.byteLength]).to.deep.equal([7, 7, 8]);
    expect(same).to.equal(copy);
  });

  it('has views of other realms, and of classes that look like others', () => {
    const foreign = runInNewContext('new Uint16Array([1, 2])') as Uint16Array;
    expect(cloned(foreign)).to.deep.equal(new Uint16Array([1, 2]));
    class Pixels extends Uint8Array {
      override get [Symbol.toStringTag](): 'Uint8Array' {
        return 'Int8Array' as never;
      }
    }
    expect(cloned(new Pixels([200]))).to.deep.equal(new Uint8Array([200]));
  });
});
