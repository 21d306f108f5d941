import { expect } from 'chai';
import { FieldLimitError, MAX_FIELDS } from '#src/grpc/field-limit.js';
import { codecOf, part, text, varint } from './kit.js';

const FIELDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name, at) => `repeated string ${name} = ${at + 3};`);
/** The fields of an `All`, and of the `M` around them. */
const WIDTH = FIELDS.length + 2;
const OWN = 6;
const TYPES =
  `message All { int32 x = 1; All all = 2; ${FIELDS.join(' ')} } message None {} ` +
  'message M { repeated All all = 1; map<int32, int32> map = 2; repeated string texts = 3; ' +
  'repeated int64 longs = 4; map<int32, All> alls = 5; repeated None nones = 6; }';
const NUMBERS = 'message M { repeated int32 whole = 1; repeated double real = 2; repeated bool flags = 3; }';

const times = (count: number, field: Uint8Array): Uint8Array => Buffer.alloc(count * field.length, field);

describe('the fields of a decoded message', () => {
  for (const [what, field, each] of [
    ['messages in a list', part(1), WIDTH],
    ['messages without fields', part(6), 1],
    ['messages in messages', part(1, part(2)), 2 * WIDTH],
    ['entries of a map', part(2), 1],
    ['messages in a map', part(5), 1 + WIDTH],
    ['texts in a list', text(3, ''), 1],
    ['64-bit integers in a list', varint(4, 300), 1],
  ] as const) {
    it(`are bounded, whether they were sent or not: ${what}`, async () => {
      const codec = await codecOf(TYPES);
      const most = Math.floor((MAX_FIELDS - OWN) / each);
      codec.decode(times(most, field));
      expect(() => codec.decode(times(most + 1, field))).to.throw(FieldLimitError);
      // Each message has a limit of its own.
      codec.decode(times(most, field));
    });
  }

  it('do not include numbers in lists, which take no more than their bytes', async () => {
    const codec = await codecOf(NUMBERS);
    const count = 1.5 * MAX_FIELDS;
    for (const [name, bytes] of [
      ['whole', part(1, times(count, Buffer.from([7])))],
      ['real', part(2, times(count, Buffer.alloc(8)))],
      ['flags', part(3, times(count, Buffer.from([1])))],
    ] as const)
      expect((codec.decode(bytes) as Record<string, unknown[]>)[name]).to.have.length(count);
  });

  it('do not hide bytes that are no message', async () => {
    const codec = await codecOf(TYPES);
    const cut = Buffer.concat([times(10, part(1)), Buffer.from([0x0a, 5])]);
    expect(() => codec.decode(cut)).to.throw(RangeError);
  });
});
