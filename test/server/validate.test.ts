import { FormatRegistry, Kind, Type, TypeRegistry } from '@sinclair/typebox';
import { expect } from 'chai';
import type { ValidationError } from '#src/errors.js';
import { unknownFormats } from '#src/server/body/formats.js';
import { compileBody, compileText, paramsSource } from '#src/server/body/validate.js';
import { QueryValues } from '#src/server/request-fields.js';
import { thrownBy } from './kit.js';

const pathsOf = (run: () => unknown): (string | undefined)[] | undefined =>
  (thrownBy(run) as ValidationError | undefined)?.errors?.map(({ path }) => path);

describe('validation of a body', () => {
  const Item = Type.Object({
    name: Type.String({ minLength: 1 }),
    tags: Type.Optional(Type.Array(Type.Object({ id: Type.Integer() }))),
    'a/b~c': Type.Optional(Type.Integer()),
  });
  const check = compileBody(Item);

  it('reports every fault with one JSON Pointer', () => {
    expect(pathsOf(() => check({ tags: [{ id: 1 }, { id: 'x' }], 'a/b~c': 1.5 }))).to.deep.equal([
      '/name',
      '/tags/1/id',
      '/a~1b~0c',
    ]);
    expect(pathsOf(() => check(null))).to.deep.equal(['']);
    expect(thrownBy(() => check([]))?.status).to.equal(422);
  });

  it('reports at most 20 faults', () => {
    const many = compileBody(Type.Array(Type.Integer()));
    expect(pathsOf(() => many(Array(5000).fill('x')))).to.have.length(20);
  });

  it('removes members that are not listed, at any depth', () => {
    const value = check({ name: 'a', admin: true, tags: [{ id: 1, x: 2 }] });
    expect(value).to.deep.equal({ name: 'a', tags: [{ id: 1 }] });
  });

  it('refuses or keeps unlisted members by additionalProperties', () => {
    const strict = compileBody(Type.Object({ a: Type.Integer() }, { additionalProperties: false }));
    expect(pathsOf(() => strict({ a: 1, b: 2 }))).to.deep.equal(['/b']);
    const open = compileBody(Type.Object({ a: Type.Integer() }, { additionalProperties: true }));
    expect(open({ a: 1, b: 2 })).to.deep.equal({ a: 1, b: 2 });
  });

  it('removes members by the alternative that matched', () => {
    const either = compileBody(
      Type.Union([
        Type.Object({ kind: Type.Literal('a'), a: Type.Integer() }),
        Type.Object({ kind: Type.Literal('b'), b: Type.Integer() }),
      ]),
    );
    expect(either({ kind: 'b', a: 1, b: 2 })).to.deep.equal({ kind: 'b', b: 2 });
  });

  it('fills in defaults and never converts', () => {
    const body = compileBody(Type.Object({ n: Type.Integer({ default: 3 }) }));
    expect(body({})).to.deep.equal({ n: 3 });
    expect(pathsOf(() => body({ n: '3' }))).to.deep.equal(['/n']);
  });

  for (const [format, good, bad] of [
    ['email', ['a@b.de', "o'x+y@b"], ['a', 'a@', '@b', 'a b@c', 'a@b_c', `${'a'.repeat(250)}@b.de`]],
    ['uuid', ['0190163d-8694-739b-aea5-966c26f8ad91'], ['0190163d8694739baea5966c26f8ad91', '']],
    ['date', ['2024-02-29'], ['2023-02-29', '2024-13-01', '24-1-1']],
    [
      'date-time',
      ['2024-01-01T00:00:00Z', '2024-01-01t23:59:60.123+01:30'],
      ['2024-01-01', '2024-01-01T24:00:00Z', '2024-01-01 00:00:00Z', '2024-01-01T00:00:00'],
    ],
    ['uri', ['https://a.b/c', 'urn:a:b'], ['a/b', '//a', 'http://[']],
    ['ipv4', ['1.2.3.4'], ['1.2.3', '1.2.3.256']],
    ['ipv6', ['::1'], ['1.2.3.4', ':::']],
  ] as const) {
    it(`knows the format ${format}`, () => {
      const text = compileBody(Type.String({ format }));
      for (const value of good) expect(text(value), value).to.equal(value);
      for (const value of bad)
        expect(
          pathsOf(() => text(value)),
          value,
        ).to.deep.equal(['']);
    });
  }
});

describe('a schema with what is not registered', () => {
  it('is refused for a kind, and the message says what to do', () => {
    for (const [kind, next] of [
      ['Even', 'kind "Even" cannot be checked: register it by TypeRegistry.Set'],
      ['Unsafe', 'kind "Unsafe" cannot be checked: describe its values by other types'],
    ] as const) {
      expect(() => compileBody(Type.Unsafe({ [Kind]: kind }))).to.throw(TypeError, next);
    }
  });

  it('is compiled once that is registered', () => {
    TypeRegistry.Set('Even', (_schema, value) => Number(value) % 2 === 0);
    expect(compileBody(Type.Unsafe({ [Kind]: 'Even' }))(4)).to.equal(4);
    TypeRegistry.Delete('Even');
  });

  it('has unknown formats only where a value is checked by them', () => {
    const even = Type.String({ format: 'even' });
    const module = Type.Module({ Used: Type.Object({ a: even }), Unused: Type.String({ format: 'binary' }) });
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    for (const [schema, unknown] of [
      [even, ['even']],
      [Type.Object({ list: Type.Array(Type.Union([Type.Null(), even])), text: even }), ['even']],
      [module.Import('Used'), ['even']],
      [Type.String({ format: 'email', examples: [cyclic], default: even as never }), []],
      [Type.Object({ format: Type.String({ examples: [{ format: 'png' }] }) }), []],
      [Type.Unsafe({ [Kind]: 'Nothing' }), []],
    ] as const) {
      expect(unknownFormats(schema)).to.deep.equal(unknown);
    }
    FormatRegistry.Set('even', (text) => text.length % 2 === 0);
    expect(unknownFormats(even)).to.deep.equal([]);
    FormatRegistry.Delete('even');
  });
});

describe('validation of path, query and header', () => {
  const Id = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) });
  const id = compileText(Id, 'path');

  it('converts text to the types of the schema', () => {
    expect({ ...id(paramsSource({ id: '9007199254740991' })) }).to.deep.equal({ id: 9007199254740991 });
  });

  for (const text of [
    '0',
    '-1',
    '1.5',
    '1.0',
    '07',
    '+1',
    '1e3',
    '0x1',
    '',
    ' 1',
    'abc',
    '9007199254740992',
    '1\u0000',
  ]) {
    it(`refuses the id ${JSON.stringify(text)}`, () => {
      const error = thrownBy(() => id(paramsSource({ id: text })));
      expect([error?.status, error?.errors?.[0]?.path]).to.deep.equal([422, '/id']);
    });
  }

  it('reads numbers, booleans, lists, alternatives and defaults from a query', () => {
    const check = compileText(
      Type.Object({
        n: Type.Number(),
        flag: Type.Boolean(),
        tags: Type.Array(Type.String()),
        ids: Type.Array(Type.Integer()),
        limit: Type.Integer({ default: 20 }),
        either: Type.Union([Type.Integer(), Type.Literal('all')]),
        missing: Type.Optional(Type.String()),
      }),
      'query',
    );
    const value = check(new QueryValues('n=-1.5e1&flag=true&tags=a&ids=1&ids=2&either=all&extra=1'));
    expect({ ...value }).to.deep.equal({
      n: -15,
      flag: true,
      tags: ['a'],
      ids: [1, 2],
      limit: 20,
      either: 'all',
    });
    expect(check(new QueryValues('n=1&flag=false&tags=a&ids=1&either=7')).either).to.equal(7);
  });

  it('refuses a repeated value where the schema has a single one', () => {
    const check = compileText(Type.Object({ a: Type.Integer() }), 'query');
    expect(pathsOf(() => check(new QueryValues('a=1&a=2')))).to.deep.equal(['/a']);
  });

  it('refuses unlisted names in a query by additionalProperties', () => {
    const check = compileText(Type.Object({}, { additionalProperties: false }), 'query');
    expect(pathsOf(() => check(new QueryValues('a=1')))).to.deep.equal(['/a']);
    expect({ ...check(new QueryValues('')) }).to.deep.equal({});
  });

  it('accepts only object schemas', () => {
    expect(() => compileText(Type.String(), 'query')).to.throw(TypeError, 'query schema');
  });
});
