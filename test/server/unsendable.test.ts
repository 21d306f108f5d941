import { Readable } from 'node:stream';
import { type TSchema, Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { BusinessError, HttpError } from '#src/errors.js';
import type { Context } from '#src/server/handler.js';
import { bench } from './kit.js';

interface Told {
  readonly status: number;
  readonly text: string;
  readonly detail: string;
  readonly logged: readonly string[];
}

/** Returns the response and the log lines of a handler. */
async function told(handler: (ctx: Context) => unknown, response?: TSchema): Promise<Told> {
  const { inject, logs } = bench((app) =>
    app.get('/things/:id', response === undefined ? {} : { response: { 200: response } }, handler),
  );
  const { status, text, json } = await inject({ url: '/things/1' });
  const { detail = '' } = status < 400 ? {} : (json() as { readonly detail?: string });
  return { status, text: text(), detail, logged: logs.map((line) => JSON.stringify(line)) };
}

async function expectUnsendable(result: Promise<Told>, ...words: readonly string[]): Promise<void> {
  const { status, text, detail, logged } = await result;
  expect(status, text).to.equal(500);
  expect(text).to.include('"code":"INTERNAL"');
  expect(logged).to.have.length(1);
  for (const place of [detail, logged[0]]) {
    for (const word of ['GET /things/:id ', ...words]) expect(place).to.include(word);
  }
}

const Item = Type.Object({ id: Type.Integer(), name: Type.String(), price: Type.Optional(Type.Number()) });
const item = { id: 1, name: 'a' };

describe('a response that cannot be sent as it is meant', () => {
  it('is reported with what to do instead', async () => {
    for (const [value, next] of [
      [new Map(), 'Object.fromEntries'],
      [new Set(), 'an array'],
      [new Request('http://a/'), 'ctx.stream'],
      [Readable.from([]), 'ctx.stream'],
      [new Blob([]), 'ctx.stream'],
      [new Uint16Array(1), 'ctx.bytes'],
      [new Error('returned'), 'throw it'],
      [() => 1, 'call it'],
      [5n, 'a string or a number'],
      [Number.NaN, 'a finite number'],
      [Number.POSITIVE_INFINITY, 'a finite number'],
      [new Date(Number.NaN), 'a valid date'],
    ] as const) {
      await expectUnsendable(
        told(() => value),
        'cannot send ',
        next,
      );
    }
  });

  it('is found inside of an object, too, and its path is reported', async () => {
    const deep = (hidden: unknown): unknown => ({ meta: {}, users: [{ id: 1 }, { id: 2, tags: hidden }] });
    for (const [hidden, word] of [
      [new Map([[1, 2]]), 'class Map'],
      [new Set([1]), 'class Set'],
      [Promise.resolve(1), 'await it'],
      [new Error('inside'), 'throw it'],
      [new Response('x'), 'ctx.stream'],
      [{ toJSON: () => new Map() }, 'class Map'],
    ] as const) {
      await expectUnsendable(
        told(() => deep(hidden)),
        word,
        ' at /users/1/tags ',
      );
    }
    expect((await told(() => deep({}))).status).to.equal(200);
    expect((await told(() => ({ text: '{}', list: [], none: null }))).status).to.equal(200);
  });

  it('reveals no value to the client when JSON cannot write it', async () => {
    const cyclic: Record<string, unknown> = { secret: 'hunter2' };
    cyclic.self = cyclic;
    const failing = {
      toJSON(): never {
        throw new Error('secret hunter2');
      },
    };
    for (const value of [cyclic, failing, { id: 5n }]) {
      const result = told(() => value);
      await expectUnsendable(result, 'cannot send ');
      expect((await result).detail).to.not.include('hunter2');
    }
  });

  it('is one that its declared schema does not accept and would change silently', async () => {
    for (const [schema, value, place] of [
      [Item, 'text', 'a string'],
      [Item, null, 'null'],
      [Item, [item], 'an array'],
      [Item, Buffer.from('bytes'), 'Buffer'],
      [Item, { ...item, price: null }, 'null at /price'],
      [Item, { ...item, id: 1.5 }, 'a number at /id'],
      [Item, { ...item, name: new Map() }, 'Map at /name'],
      [Item, { ...item, name: {} }, 'at /name'],
      [Type.Array(Item), [item, { ...item, name: null }], 'null at /1/name'],
      [Type.Array(Item), item, 'cannot send an object'],
      [Type.Object({}), 5, 'a number'],
      [Type.Object({}), new URL('http://localhost'), 'URL'],
      [Type.Object({ inner: Type.Object({}) }), { inner: 'text' }, 'a string at /inner'],
      [Type.Record(Type.String(), Type.Integer()), { a: 1, b: null }, 'null at /b'],
      [Type.String(), { a: 1 }, 'an object'],
      [Type.Boolean(), 'false', 'a string'],
      [Type.Union([Item, Type.Null()]), 'text', 'a string'],
    ] as const) {
      const response = schema as TSchema;
      const named = 'the response schema of 200 does not accept it';
      await expectUnsendable(
        told(() => value, response),
        place,
        named,
      );
      await expectUnsendable(
        told((ctx) => ctx.json(value), response),
        place,
        named,
      );
    }
  });

  it('is one that lacks a member which its declared schema requires', async () => {
    const Named = Type.Object({ name: Type.String() });
    const nested = Type.Object({ list: Type.Array(Type.Object({ id: Type.Integer() })) });
    for (const [schema, value, path] of [
      [Item, { name: 'a' }, '/id'],
      [Type.Array(Item), [item, { id: 1 }], '/1/name'],
      [nested, { list: [{ id: 1 }, {}] }, '/list/1/id'],
      [Item, { toJSON: () => ({ id: 1 }) }, '/name'],
      [Type.Intersect([Type.Object({ id: Type.Integer() }), Named]), { id: 1 }, '/name'],
    ] as const) {
      await expectUnsendable(
        told(() => value, schema as TSchema),
        `cannot send undefined at ${path}: the response schema of 200 requires a value, so return one, or`,
      );
    }
    // The members of alternatives are not searched.
    await expectUnsendable(
      told(() => ({ id: 1 }), Type.Union([Item, Type.Object({ text: Type.String() })])),
      'cannot send an object of the class Object: the response schema of 200 does not accept it',
    );
  });

  it('is not one that JSON and its schema can write, whatever its types are', async () => {
    for (const [schema, value, expected] of [
      [Type.String(), 'text', '"text"'],
      [Type.Any(), 'text', '"text"'],
      [Type.Array(Type.String()), [new Date(0), 5, 5n], '["1970-01-01T00:00:00.000Z","5","5"]'],
      [Type.Integer(), 5n, '5'],
      [Item, { id: '5', name: new URL('http://a/'), hidden: new Map() }, '{"id":5,"name":"http://a/"}'],
      [Item, { toJSON: () => item }, '{"id":1,"name":"a"}'],
      [Type.Union([Item, Type.Null()]), null, 'null'],
      [Type.Object({ any: Type.Any() }), { any: [{}, null] }, '{"any":[{},null]}'],
      [Type.Unsafe({ type: 'object', nullable: true }), null, 'null'],
      [Type.Object({ is: Type.Boolean() }), { is: 1 }, '{"is":true}'],
      [Type.Union([Type.Literal('a'), Type.Literal(1)]), 'a', '"a"'],
    ] as const) {
      const { status, text } = await told(() => value, schema as TSchema);
      expect([status, text]).to.deep.equal([200, expected]);
    }
  });

  it('is a function where the schema accepts anything, because the text would not be JSON', async () => {
    const response = Type.Object({ any: Type.Any(), text: Type.Optional(Type.String()) });
    await expectUnsendable(
      told(() => ({ any: () => 1 }), response),
      'cannot send ',
    );
    const fine = await told(() => ({ any: 1, text: 'undefined' }), response);
    expect(fine.text).to.equal('{"any":1,"text":"undefined"}');
  });

  it('may have any status and field that HTTP has, and no other', async () => {
    for (const status of [0, 99, 101, 600, 1.5, Number.NaN, '200', undefined]) {
      await expectUnsendable(
        told((ctx) => ctx.status(status as number).json({})),
        'from 200 to 599',
      );
    }
    for (const [name, value] of [
      ['x-a', 'b\r\nc: d'],
      ['x a', 'b'],
      ['x-a', 5],
      ['x-a', undefined],
    ] as const) {
      await expectUnsendable(
        told((ctx) => ctx.header(name, value as string).json({})),
        'header field',
      );
    }
  });

  it('is one for which a responder got an invalid argument', async () => {
    for (const [respond, next] of [
      [(ctx: Context) => ctx.text(5 as never), 'use a string'],
      [(ctx: Context) => ctx.html({} as never), 'use a string'],
      [(ctx: Context) => ctx.bytes('text' as never), 'use a Uint8Array'],
      [(ctx: Context) => ctx.stream('text' as never), 'use an async iterable'],
      [(ctx: Context) => ctx.sse([] as never), 'use an async iterable'],
      [(ctx: Context) => ctx.redirect('/', 200 as never), 'use one of 301'],
      [(ctx: Context) => ctx.json({}, ...([201] as never as [])), 'set the status by ctx.status'],
      [(ctx: Context) => ctx.text('', ...([201] as never as [])), 'set the status by ctx.status'],
      [(ctx: Context) => ctx.html('', ...([201] as never as [])), 'set the status by ctx.status'],
    ] as const) {
      await expectUnsendable(told(respond), next);
    }
  });

  it('is undefined where a schema is declared', async () => {
    await expectUnsendable(
      told(() => undefined, Item),
      'returned undefined',
    );
  });
});

describe('an error that cannot be sent as it is meant', () => {
  it('is a 500, and its log line names the route and the fault', async () => {
    const details = { tags: new Map([[1, 2]]) };
    for (const [error, words] of [
      [
        new BusinessError('NO', 'no', { status: 200 }),
        'has the status 200: use a whole number from 400 to 599',
      ],
      [new BusinessError('NO', 'no', { status: Number.NaN }), 'has the status NaN'],
      [new BusinessError('NO', 'no', { status: '404' as never }), 'has the status a string'],
      [new BusinessError('NO', 'no', { details }), 'class Map at /details/tags as JSON'],
      [new BusinessError('NO', 'no', { details: { id: 5n } }), 'serialize a BigInt'],
      [new HttpError('NOT_FOUND', 'no', { headers: { 'x-a': 5 as never } }), 'header x-a'],
    ] as const) {
      const { status, text, logged } = await told(() => {
        throw error;
      });
      expect([status, text.includes('"code":"INTERNAL"')], words).to.deep.equal([500, true]);
      expect(logged).to.have.length(1);
      expect(logged[0]).to.include('"route":"/things/:id"').and.include(words);
    }
    const { status, text } = await told(() => {
      throw new BusinessError('NO', 'no', { details: {} });
    });
    expect([status, text.includes('"details":{}')]).to.deep.equal([422, true]);
  });
});
