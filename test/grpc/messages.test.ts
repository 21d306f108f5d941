import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import fc from 'fast-check';
import { loadProto } from '#src/grpc/load-proto.js';
import type { MessageCodec } from '#src/grpc/rpc-method.js';

const EVERYTHING = pathToFileURL('test/grpc/fixtures/everything.proto');

describe('a message of gRPC', () => {
  let item: MessageCodec;
  before(async () => {
    const methods = await loadProto(EVERYTHING);
    item = methods.get('/multilane.test.v1.Everything/Get')!.request;
  });

  it('has a value for each field after decoding', () => {
    expect(item.decode(item.encode({ id: 7, text: 'x' }))).to.deep.equal({
      id: '7',
      count: 0,
      name: '',
      state: 'NONE',
      content: Buffer.alloc(0),
      createdAt: null,
      details: {},
      text: 'x',
      choice: 'text',
      values: [],
      large: '0',
      flag: false,
    });
  });

  it('is the same after it was encoded and decoded', () => {
    const messages = fc.record({
      id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      count: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      name: fc.string({ unit: 'grapheme' }),
      state: fc.constantFrom('NONE', 'OPEN'),
      content: fc.uint8Array(),
      createdAt: fc.option(
        fc.record({ seconds: fc.integer({ min: 0 }).map(String), nanos: fc.nat({ max: 999_999_999 }) }),
      ),
      details: fc.dictionary(fc.string(), fc.record({ yes: fc.boolean() })),
      values: fc.array(fc.double()),
      large: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      flag: fc.boolean(),
    });
    fc.assert(
      fc.property(messages, (message) => {
        const decoded = item.decode(item.encode(message)) as Record<string, unknown>;
        expect({ ...decoded, content: new Uint8Array(decoded.content as Buffer) }).to.deep.equal({
          ...message,
          id: String(message.id),
          large: String(message.large),
          details: { ...message.details },
        });
        expect(item.decode(new Uint8Array(item.encode(message)))).to.deep.equal(decoded);
        // It may be sent on as it is.
        expect(item.encode(decoded)).to.deep.equal(item.encode(message));
      }),
    );
  });

  for (const [value, reason] of [
    [7, 'multilane.test.v1.Item must be an object, not 7'],
    [null, 'multilane.test.v1.Item must be an object, not null'],
    [[], 'multilane.test.v1.Item must be an object'],
    [{ idd: 1 }, 'has no field "idd"; its fields are id, count'],
    [{ created_at: null }, 'has no field "created_at"'],
    [{ id: 1.5 }, 'id must be a whole number, a bigint or a decimal text of 64 bits, not 1.5'],
    [{ id: 2 ** 53 }, 'id must be'],
    [{ id: 2n ** 63n }, 'id must be'],
    [{ id: '1e3' }, 'id must be'],
    [{ large: -1 }, 'large must be'],
    [{ count: -1 }, 'count must be a whole number from 0 to 2^32 - 1, not -1'],
    [{ number: 2 ** 31 }, 'number must be a whole number of 32 bits'],
    [{ name: 1 }, 'name must be a string of whole characters, not 1'],
    [{ flag: 'yes' }, 'flag must be true or false'],
    [{ content: 'text' }, 'content must be a Uint8Array'],
    [{ state: 'CLOSED' }, 'state must be one of NONE, OPEN, not "CLOSED"'],
    [{ values: 1 }, 'values must be a list'],
    [{ values: [1, '2'] }, 'values[1] must be a number'],
    [{ details: { a: { yes: 1 } } }, 'details.a.yes must be true or false'],
    [{ details: { a: { no: true } } }, 'details.a (multilane.test.v1.Item.Detail) has no field "no"'],
    [{ createdAt: new Date(0).toISOString() }, 'createdAt must be an object'],
    [{ createdAt: new Date(0) }, 'createdAt must be an object { seconds, nanos }, not a Date'],
    [new Map([['name', 'x']]), 'multilane.test.v1.Item must be an object, not a Map'],
    [Promise.resolve({ name: 'x' }), 'must be an object, not a Promise'],
    [new Uint8Array(2), 'must be an object, not a Uint8Array'],
    [{ details: new Map([['a', { yes: true }]]) }, 'details must be an object of values by key, not a Map'],
    [{ details: { a: new Set() } }, 'details.a must be an object, not a Set'],
    [{ details: { '\ud800': {} } }, 'a key of details must be a string of whole characters'],
    [{ constructor: 'x' }, 'has no field "constructor"'],
    [{ toString: 'x' }, 'has no field "toString"'],
    [JSON.parse('{"__proto__":1}'), 'has no field "__proto__"'],
    [{ name: 'a\ud800' }, 'name must be a string of whole characters'],
    [{ text: 'x', number: 1 }, 'choice may have one of text and number, not all of them'],
    [{ choice: 'text' }, 'choice must be absent, as none of its members is set, not "text"'],
    [{ choice: 'number', text: 'x' }, 'choice must be "text", which is set, not "number"'],
  ] as const) {
    it(`is refused with its field: ${reason}`, () => {
      expect(() => item.encode(value)).to.throw(TypeError, reason);
    });
  }

  it('may leave out fields, and have undefined and null for none', () => {
    expect(item.encode({ id: undefined, name: null, details: undefined })).to.have.length(0);
  });

  for (const [what, bytes] of [
    ['a text that is longer than they are', [0x1a, 0x05, 0x61]],
    ['bytes that are longer than they are', [0x2a, 0x05, 0x61]],
    ['a number without an end', [0x08, 0xff]],
    ['a field of a wire type that does not exist', [0x0f]],
    ['a nested message that is cut', [0x32, 0x02, 0x08]],
  ] as const) {
    it(`is refused when its bytes have ${what}`, () => {
      expect(() => item.decode(Buffer.from(bytes))).to.throw();
    });
  }
});

describe('a .proto file', () => {
  it('may have fields with names that every object inherits', async () => {
    const url = await written(
      'inherited.proto',
      'syntax = "proto3"; message M { string x = 1; string constructor = 2; string toString = 3; M m = 4; } ' +
        'service S { rpc A(M) returns (M); }',
    );
    const { request } = (await loadProto(url)).get('/S/A')!;
    expect(request.encode({})).to.have.length(0);
    const nested = { x: '', constructor: 'c', toString: '', m: null };
    const message = { x: 'x', constructor: '', toString: 't', m: nested };
    expect(request.decode(request.encode(message))).to.deep.equal(message);
  });

  it('may have fields that extend a message, by their full names', async () => {
    const url = await written(
      'extended.proto',
      'syntax = "proto2"; package p; message M { extensions 100 to 200; } ' +
        'extend M { optional string more = 100; } service S { rpc A(M) returns (M); }',
    );
    const { request } = (await loadProto(url)).get('/p.S/A')!;
    const message = { '.p.more': 'x' };
    expect(request.decode(request.encode(message))).to.deep.equal(message);
  });

  it('may have maps with numbers as keys, which are checked', async () => {
    const url = await written(
      'maps.proto',
      'syntax = "proto3"; message M { map<int32, string> a = 1; map<bool, string> b = 2; ' +
        'map<sint64, M> c = 3; map<uint64, string> d = 4; } ' +
        'service T { rpc A(M) returns (M); }',
    );
    const { request } = (await loadProto(url)).get('/T/A')!;
    const none = { a: {}, b: {}, c: {}, d: {} };
    const inner = { ...none, d: { [String(2n ** 64n - 1n)]: 'large' } };
    const message = {
      a: { '-1': 'x', 7: 'y' },
      b: { true: 'z', false: '' },
      c: { '-9007199254740993': inner },
      d: {},
    };
    expect(request.decode(request.encode(message))).to.deep.equal(message);
    expect(() => request.encode({ a: { one: 'x' } })).to.throw(
      TypeError,
      'a key of a must be a whole number',
    );
    expect(() => request.encode({ b: { no: 'x' } })).to.throw(TypeError, 'a key of b must be true or false');
  });

  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multilane-proto-'));
  });
  after(() => rm(folder, { recursive: true }));
  const written = async (name: string, text: string): Promise<URL> => {
    const file = join(folder, name);
    await writeFile(file, text);
    return pathToFileURL(file);
  };
  const failureOf = async (url: URL): Promise<string> => {
    const error = await loadProto(url).then(
      () => expect.fail('it was loaded'),
      (failure: Error) => failure,
    );
    expect(error).to.be.instanceOf(TypeError);
    return error.message;
  };

  it('says which sides of its methods stream', async () => {
    const methods = [...(await loadProto(EVERYTHING)).values()];
    expect(
      methods.map(({ name, requestStream, responseStream }) => [name, requestStream, responseStream]),
    ).to.deep.equal([
      ['Get', false, false],
      ['List', false, true],
      ['Collect', true, false],
      ['Chat', true, true],
    ]);
  });

  it('may import files beside it', async () => {
    await written('parts.proto', 'syntax = "proto3"; package a; message Part { int32 x = 1; }');
    const url = await written(
      'whole.proto',
      'syntax = "proto3"; package a; import "parts.proto"; service S { rpc M(Part) returns (Part); }',
    );
    expect([...(await loadProto(url)).keys()]).to.deep.equal(['/a.S/M']);
  });

  it('is refused with its path when it is missing, and with the line when it is wrong', async () => {
    const missing = pathToFileURL(join(folder, 'missing.proto'));
    expect(await failureOf(missing))
      .to.include('missing.proto')
      .and.include('ENOENT');
    const wrong = await written('wrong.proto', 'syntax = "proto3";\nmessage A {\n  int32 a = ;\n}\n');
    expect(await failureOf(wrong))
      .to.include('wrong.proto')
      .and.include('line 3');
    const absent = await written('absent.proto', 'syntax = "proto3"; service S { rpc M(No) returns (No); }');
    expect(await failureOf(absent))
      .to.include('absent.proto')
      .and.include('No');
  });

  it('is refused when it defines no method', async () => {
    const empty = await written('empty.proto', 'syntax = "proto3"; message A {}');
    expect(await failureOf(empty)).to.include('no service with methods');
  });
});
