import { expect } from 'chai';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import type { MessageCodec } from '#src/grpc/rpc-method.js';
import { codecOf, part } from './kit.js';

const INTEGERS = ['32', '64'].flatMap((bits) =>
  ['int', 'uint', 'sint', 'fixed', 'sfixed'].map((one) => one + bits),
);
const KEYS = [...INTEGERS, 'bool', 'string'];

const zeroOf = (type: string): string => (type === 'string' ? '' : type === 'bool' ? 'false' : '0');

/** Values that are not the default, and the default. */
const VALUES: Readonly<Record<string, readonly [value: unknown, zero: unknown]>> = {
  ...Object.fromEntries(INTEGERS.map((type) => [type, type.endsWith('64') ? ['7', '0'] : [7, 0]])),
  double: [1.5, 0],
  float: [1.5, 0],
  bool: [true, false],
  string: ['x', ''],
  bytes: [Buffer.from('x'), Buffer.alloc(0)],
  N: [
    { x: 7, n: null },
    { x: 0, n: null },
  ],
  E: ['B', 'A'],
};

const TYPES = 'message N { int32 x = 1; N n = 2; } enum E { A = 0; B = 1; }';

describe('a map in a message of gRPC', () => {
  const mapOf = (key: string, value: string): Promise<MessageCodec> =>
    codecOf(`${TYPES} message M { map<${key}, ${value}> m = 1; }`);

  /** The fields of the only entry of a map, as they are sent. */
  const entryOf = (bytes: Uint8Array): ReadonlyMap<number, Uint8Array> => {
    const reader = protobuf.Reader.create(bytes);
    reader.uint32();
    const entry = protobuf.Reader.create(Buffer.from(reader.bytes()));
    const fields = new Map<number, Uint8Array>();
    while (entry.pos < entry.len) {
      const from = entry.pos;
      const tag = entry.uint32();
      entry.skipType(tag & 7);
      fields.set(tag >>> 3, Buffer.from(entry.buf.slice(from, entry.pos)));
    }
    return fields;
  };

  for (const key of KEYS) {
    it(`has defaults for keys and values that were not sent (${key})`, async () => {
      const one = key === 'bool' ? 'true' : '1';
      for (const [type, [value, zero]] of Object.entries(VALUES)) {
        const codec = await mapOf(key, type);
        const fields = entryOf(codec.encode({ m: { [one]: value } }));
        const read = (...ids: readonly number[]): object =>
          codec.decode(part(1, ...ids.map((id) => fields.get(id)!)));
        expect(read(1, 2), type).to.deep.equal({ m: { [one]: value } });
        expect(read(2, 1), type).to.deep.equal({ m: { [one]: value } });
        expect(read(1), type).to.deep.equal({ m: { [one]: zero } });
        expect(read(2), type).to.deep.equal({ m: { [zeroOf(key)]: value } });
        expect(read(), type).to.deep.equal({ m: { [zeroOf(key)]: zero } });
      }
    });

    it(`has the last entry with a key, however that was sent (${key})`, async () => {
      const codec = await mapOf(key, 'string');
      const zero = zeroOf(key);
      const [sent, omitted] = [
        codec.encode({ m: { [zero]: 'sent' } }),
        part(1, entryOf(codec.encode({ m: { [zero]: 'omitted' } })).get(2)!),
      ];
      expect(codec.decode(Buffer.concat([sent, omitted]))).to.deep.equal({ m: { [zero]: 'omitted' } });
      expect(codec.decode(Buffer.concat([omitted, sent]))).to.deep.equal({ m: { [zero]: 'sent' } });
    });
  }

  const bits = (type: string): bigint => BigInt(type.slice(-2));
  const range = (type: string): { min: bigint; max: bigint } =>
    /^(?:u|f)/.test(type)
      ? { min: 0n, max: 2n ** bits(type) - 1n }
      : { min: -(2n ** (bits(type) - 1n)), max: 2n ** (bits(type) - 1n) - 1n };
  const keysOf = (type: string): fc.Arbitrary<string> => {
    if (type === 'string')
      return fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', 'constructor'));
    return type === 'bool' ? fc.constantFrom('true', 'false') : fc.bigInt(range(type)).map(String);
  };

  for (const key of KEYS) {
    it(`is the same after it was encoded and decoded (${key})`, async () => {
      const codec = await mapOf(key, 'N');
      fc.assert(
        fc.property(fc.array(fc.tuple(keysOf(key), fc.integer({ min: -5, max: 5 }))), (entries) => {
          const map = Object.fromEntries(entries.map(([name, x]) => [name, { x, n: null }]));
          expect(codec.decode(codec.encode({ m: map }))).to.deep.equal({ m: map });
        }),
      );
    });
  }

  for (const key of INTEGERS) {
    it(`has no two keys for one number: others than the shortest are refused (${key})`, async () => {
      const codec = await mapOf(key, 'string');
      fc.assert(
        fc.property(fc.bigInt(range(key)), fc.constantFrom('0', '00', '+', ' ', '-0'), (number, before) => {
          const text = String(number);
          const longer = text.startsWith('-') ? `-0${text.slice(1)}` : before + text;
          expect(() => codec.encode({ m: { [longer]: 'x' } })).to.throw(
            TypeError,
            /^a key of m must be .*, not "/,
          );
        }),
      );
      expect(() => codec.encode({ m: { 7: 'x', '007': 'y' } })).to.throw(
        TypeError,
        'a key of m must be in its shortest form, not "007"',
      );
    });
  }

  it('has no other keys than true and false where these are its keys', async () => {
    const codec = await mapOf('bool', 'string');
    for (const name of ['', '0', '1', 'True', 'no'])
      expect(() => codec.encode({ m: { [name]: 'x' } })).to.throw(
        TypeError,
        'a key of m must be true or false',
      );
  });
});
