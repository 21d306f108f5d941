// What the specification demands of decoders: https://protobuf.dev/programming-guides/encoding/
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import fc from 'fast-check';
import { loadProto } from '#src/grpc/load-proto.js';
import type { MessageCodec } from '#src/grpc/rpc-method.js';
import { codecOf, part, text, varint } from './kit.js';

type Members = Record<string, unknown>;

const WIRE = pathToFileURL('test/grpc/fixtures/wire.proto');

/** A message as its handler gets it, after it was within others in each way in which one can be. */
const PLACES: readonly (readonly [where: string, wrap: (bytes: Uint8Array) => Uint8Array, get: string])[] = [
  ['in a field', (bytes) => part(6, bytes), 'inner'],
  ['in a list', (bytes) => part(7, bytes), 'nodes.0'],
  ['in a map', (bytes) => part(8, text(1, 'key'), part(2, bytes)), 'named.key'],
  ['in a oneof', (bytes) => part(3, bytes), 'node'],
];
const within = (message: object, path: string): unknown =>
  path.split('.').reduce<unknown>((value, name) => (value as Members)[name], message);

describe('a message of gRPC that is read', () => {
  let node: MessageCodec;
  before(async () => {
    node = (await loadProto(WIRE)).get('/multilane.test.wire.Wire/Read')!.request;
  });
  const decoded = (...fields: readonly Uint8Array[]): Members =>
    node.decode(Buffer.concat(fields)) as Members;

  /** Messages that set some fields, a member of the oneof as well. */
  const messages = (): fc.Arbitrary<object> => {
    const members = {
      number: fc.integer(),
      text: fc.string(),
      node: fc.constantFrom({ number: 1 }, { inner: { text: 'x' } }, { texts: ['y'] }),
      flag: fc.boolean(),
      color: fc.constantFrom('RED', 'BLUE'),
    };
    const choice = fc
      .constantFrom(...Object.keys(members))
      .chain((name) => members[name as 'text'].map((value) => ({ [name]: value })));
    const others = fc.record(
      {
        inner: fc.constantFrom({ texts: ['a'] }, { flag: true }, { named: { b: {} } }),
        nodes: fc.array(fc.constantFrom({}, { text: 'z' }), { maxLength: 2 }),
        named: fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom({}, { number: 2 })),
        maybe: fc.string(),
        numbers: fc.array(fc.integer(), { maxLength: 3 }),
        texts: fc.array(fc.string(), { maxLength: 3 }),
        large: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
        fraction: fc.double({ noNaN: true }),
      },
      { requiredKeys: [] },
    );
    return fc.tuple(fc.option(choice, { nil: {} }), others).map(([one, rest]) => ({ ...rest, ...one }));
  };

  it('has whole numbers of up to ten bytes, whatever their field takes, and what is behind them', async () => {
    const codec = await codecOf(`
      enum E { A = 0; B = 1; }
      message M { int32 i = 1; uint32 u = 2; sint32 s = 3; bool b = 4; E e = 5; int64 l = 6; uint64 w = 7;
        sint64 z = 8; repeated int32 many = 9; map<int32, bool> map = 10; string next = 15; }`);
    const long = (value: bigint): Buffer => {
      const bytes = [];
      let rest = BigInt.asUintN(64, value);
      for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
      return Buffer.from([...bytes, Number(rest)]);
    };
    const field = (id: number, value: bigint): Buffer => Buffer.concat([Buffer.from([id << 3]), long(value)]);
    const zigzag = (value: bigint): bigint => (value >> 1n) ^ -(value & 1n);
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const wide = BigInt.asUintN(64, value);
        const packed = Buffer.concat([long(value), long(1n), long(value)]);
        const entry = part(10, Buffer.concat([field(1, value), field(2, value)]));
        const fields = [1, 2, 3, 4, 5, 6, 7, 8].map((id) => field(id, value));
        const bytes = Buffer.concat([...fields, part(9, packed), entry, text(15, 'next')]);
        const int = Number(BigInt.asIntN(32, value));
        const id = Number(BigInt.asIntN(32, value));
        expect(codec.decode(bytes)).to.deep.equal({
          i: int,
          u: Number(BigInt.asUintN(32, value)),
          s: Number(BigInt.asIntN(32, zigzag(BigInt.asUintN(32, value)))),
          b: value !== 0n,
          e: { 0: 'A', 1: 'B' }[id] ?? id,
          l: String(value),
          w: String(wide),
          z: String(BigInt.asIntN(64, zigzag(wide))),
          many: [int, 1, int],
          map: { [int]: value !== 0n },
          next: 'next',
        });
        for (const whole of fields)
          if (whole.byteLength > 2) expect(() => codec.decode(whole.subarray(0, -1))).to.throw();
      }),
      {
        examples: [[0n], [1n], [-1n], [2n ** 32n], [2n ** 40n + 5n], [2n ** 63n - 1n], [-(2n ** 63n)]],
        numRuns: 500,
      },
    );
    expect(() => codec.decode(Buffer.from([8, ...Array<number>(10).fill(0x80), 1]))).to.throw();
  });

  it('has the last member of a oneof that was sent, and no other one', () => {
    fc.assert(
      fc.property(fc.array(messages(), { minLength: 1, maxLength: 6 }), (sent) => {
        const message = decoded(...sent.map((one) => node.encode(one)));
        const names = sent.flatMap((one) => Object.keys(one)).filter((name) => MEMBERS.includes(name));
        expect(message.choice).to.equal(names.at(-1));
        expect(MEMBERS.filter((name) => Object.hasOwn(message, name))).to.deep.equal(names.slice(-1));
        const last = sent.findLast((one) => Object.hasOwn(one, names.at(-1) ?? '')) as Members | undefined;
        if (last !== undefined && names.at(-1) !== 'node')
          expect(message[names.at(-1)!]).to.equal(last[names.at(-1)!]);
        // A message with one member may be sent on.
        expect(node.decode(node.encode(message))).to.deep.equal(message);
      }),
    );
  });

  for (const [where, wrap, path] of PLACES) {
    it(`is the same ${where} as alone`, () => {
      fc.assert(
        fc.property(messages(), messages(), (a, b) => {
          const bytes = Buffer.concat([node.encode(a), node.encode(b)]);
          expect(within(decoded(wrap(bytes)), path)).to.deep.equal(decoded(bytes));
        }),
      );
    });
  }

  it('is merged when it was sent in several parts', () => {
    fc.assert(
      fc.property(messages(), messages(), (a, b) => {
        const parts = [node.encode(a), node.encode(b)];
        const whole = decoded(...parts);
        expect(decoded(...parts.map((one) => part(6, one))).inner).to.deep.equal(whole);
        expect(decoded(...parts.map((one) => part(3, one))).node).to.deep.equal(whole);
        const entry = part(8, ...parts.map((one) => part(2, one)));
        expect(decoded(entry).named).to.deep.equal({ '': whole });
      }),
    );
  });

  it('lacks what was sent in another way than its field demands, as it lacks unknown fields', () => {
    const none = decoded();
    const values = [
      varint(0, 300),
      Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 1]),
      part(0, Buffer.from([8, 1])),
      Buffer.from([3, 8, 1, 4]),
      Buffer.from([5, 0, 0, 0, 1]),
    ];
    const demanded = new Map([
      [1, 0],
      [2, 2],
      [3, 2],
      [4, 0],
      [5, 0],
      [6, 2],
      [8, 2],
      [12, 2],
      [14, 0],
      [15, 1],
    ]);
    for (const [id, wire] of demanded)
      for (const [sent, value] of [0, 1, 2, 3, 5].map((one, at) => [one, values[at]!] as const)) {
        if (sent === wire) continue;
        const bytes = Buffer.from(value);
        bytes[0] = (id << 3) | sent;
        if (sent === 3) bytes[bytes.length - 1] = (id << 3) | 4;
        expect(decoded(bytes), `field ${id}, wire type ${sent}`).to.deep.equal(none);
      }
    expect(decoded(varint(1000, 5))).to.deep.equal(none);
  });

  it('has no member for an `optional` field that was not sent, and none that says whether it was', () => {
    expect(decoded()).to.not.have.any.keys('maybe', '_maybe', 'maybeNode', '_maybeNode');
    const sent = { maybe: '', maybeNode: node.decode(new Uint8Array(0)) };
    const message = decoded(node.encode(sent));
    expect(message).to.deep.include(sent).and.to.not.have.any.keys('_maybe', '_maybeNode');
    expect(decoded(node.encode(message))).to.deep.equal(message);
    expect(() => node.encode({ _maybe: 'maybe', maybe: 'x' })).to.throw(TypeError, 'has no field "_maybe"');
  });

  it('has camelCase names in google.protobuf.Any as well', () => {
    const any = { typeUrl: 'type.googleapis.com/x.Y', value: Buffer.from([1, 2]) };
    const bytes = node.encode({ any });
    expect(bytes).to.deep.equal(Buffer.from(part(13, text(1, any.typeUrl), part(2, any.value))));
    expect(decoded(bytes).any).to.deep.equal(any);
  });

  it('may have groups, and needs the fields that are required', async () => {
    const group = 'message M { optional group G = 1 { required int32 x = 1; } repeated group H = 2 { } }';
    const codec = await codecOf(group, 'proto2');
    const message = { g: { x: 7 }, h: [{}, {}] };
    expect(codec.decode(codec.encode(message))).to.deep.equal(message);
    expect(() => codec.decode(Buffer.from([0x0b, 0x08, 7]))).to.throw('a group does not end');
    expect(() => codec.decode(Buffer.from([0x0b, 0x0c]))).to.throw('required field x');
  });

  it('has the defaults of its definition', async () => {
    const codec = await codecOf(
      'enum E { A = 3; B = 4; } message M { optional string s = 1 [default = "a\\nb"]; ' +
        'optional double d = 2 [default = inf]; optional bytes b = 3 [default = "xy"]; ' +
        'optional E e = 4 [default = B]; optional E f = 5; optional uint64 l = 6 [default = 7]; ' +
        'optional bool t = 7 [default = true]; optional float n = 8 [default = nan]; ' +
        'optional int32 i = 9 [default = -3]; map<string, E> m = 10; }',
      'proto2',
    );
    const message = codec.decode(part(10)) as Members;
    const rest = { s: 'a\nb', d: Infinity, e: 'B', f: 'A', l: '7', t: true, n: NaN, i: -3, m: { '': 'A' } };
    expect(message).to.deep.equal({ ...rest, b: Buffer.from('xy') });
    expect(codec.decode(new Uint8Array(0)))
      .to.have.property('b')
      .which.does.not.equal(message.b);
  });

  it('is refused when messages are nested more than 100 deep', () => {
    const nested = (depth: number): Uint8Array =>
      depth === 0 ? new Uint8Array(0) : part(6, nested(depth - 1));
    decoded(nested(100));
    expect(() => decoded(nested(101))).to.throw('nested more than 100 deep');
  });
});

const MEMBERS = ['number', 'text', 'node', 'flag', 'color'];
