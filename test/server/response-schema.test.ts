// For every schema and every value: the sent text represents the value and fits the schema, or nothing is
// sent.
import { type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { expect } from 'chai';
import fc from 'fast-check';
import { jsonOf } from '#src/server/response/json-value.js';
import { compileResponses } from '#src/server/response/serialize.js';

const writerOf = (schema: TSchema) => {
  const serialize = compileResponses({ 200: schema })?.get(200);
  return (value: unknown): string => jsonOf(value, serialize);
};

/** Returns the text that is sent, undefined when the value is refused. */
function sent(write: (value: unknown) => string, value: unknown): string | undefined {
  try {
    return write(value);
  } catch (error) {
    expect(error).to.be.instanceOf(TypeError);
    return undefined;
  }
}

/** Compares by the documented conversions, member by member; members may be omitted. */
function saysTheSame(value: unknown, parsed: unknown): boolean {
  if (typeof parsed !== 'object' || parsed === null) {
    if (value === parsed) return true;
    if (value instanceof Date) return parsed === value.toISOString();
    if (!['string', 'number', 'bigint', 'boolean'].includes(typeof value)) return false;
    const text = String(value as string | number | bigint | boolean);
    if (typeof parsed === 'boolean') return value === Number(parsed);
    if (typeof parsed === 'number') return text === String(parsed);
    return text === parsed;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) !== Array.isArray(parsed))
    return false;
  if (value instanceof Map || value instanceof Promise) return false;
  if (Array.isArray(value) && value.length !== (parsed as unknown[]).length) return false;
  return Object.entries(parsed).every(([name, member]) =>
    saysTheSame((value as Record<string, unknown>)[name], member),
  );
}

const ODD: readonly unknown[] = [
  ...[null, undefined, true, false, 0, 1, 2, 1.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 5n],
  ...['', ' ', 'a', 'b', '1', '1.5', '19.99', '007', '0x10', '1e3', '9007199254740993', 'true', 'null'],
  ...[{}, [], [null], { a: null }, { a: 1 }, { b: 'x' }, [1, 'a'], new Date(0), new Map([['a', 1]])],
  ...[Promise.resolve(1), new Set([1]), new Error('odd'), new Uint8Array(2), () => 1, Symbol('odd'), /x/],
];

interface Case {
  readonly schema: TSchema;
  readonly value: fc.Arbitrary<unknown>;
}

const leaf: fc.Arbitrary<Case> = fc.constantFrom(
  { schema: Type.Integer(), value: fc.integer() },
  { schema: Type.Number(), value: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { schema: Type.String(), value: fc.string() },
  { schema: Type.Boolean(), value: fc.boolean() },
  { schema: Type.Null(), value: fc.constant(null) },
  { schema: Type.Literal('a'), value: fc.constant('a') },
  { schema: Type.Literal(1), value: fc.constant(1) },
  { schema: Type.Literal(true), value: fc.constant(true) },
  { schema: Type.Enum({ a: 'a', b: 'b' }), value: fc.constantFrom('a', 'b') },
);
/** The serializer supports no alternatives by position. */
const hasType = ({ schema }: Case): boolean => schema.type !== undefined;

const { any: cases } = fc.letrec<{ any: Case; deep: Case }>((tie) => {
  const inner = tie('any');
  return {
    any: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('deep')),
    deep: fc.oneof(
      inner.map(({ schema, value }) => ({
        schema: Type.Array(schema),
        value: fc.array(value, { maxLength: 3 }),
      })),
      fc.tuple(inner, inner).map(([a, b]) => ({
        schema: Type.Object({ a: a.schema, b: Type.Optional(b.schema) }),
        value: fc.record(
          { a: a.value, b: b.value, hidden: fc.constantFrom(...ODD) },
          { requiredKeys: ['a'], noNullPrototype: true },
        ),
      })),
      fc
        .tuple(inner, inner)
        .filter(([a, b]) => hasType(a) && hasType(b))
        .map(([a, b]) => ({
          schema: Type.Tuple([a.schema, b.schema]),
          value: fc.tuple(a.value, b.value),
        })),
      fc.tuple(inner, inner).map(([a, b]) => ({
        schema: Type.Union([a.schema, b.schema]),
        value: fc.oneof(a.value, b.value),
      })),
      fc.tuple(inner, inner).map(([a, b]) => ({
        schema: Type.Intersect([Type.Object({ a: a.schema }), Type.Object({ b: b.schema })]),
        value: fc.record({ a: a.value, b: b.value }, { noNullPrototype: true }),
      })),
      inner.map(({ schema, value }) => ({
        schema: Type.Record(Type.String(), schema),
        value: fc.dictionary(fc.constantFrom('a', 'b', '1'), value, { noNullPrototype: true }),
      })),
      inner.map(({ schema, value }) => ({
        schema: Type.Record(Type.Number(), schema),
        value: fc.dictionary(fc.constantFrom('0', '17'), value, { noNullPrototype: true }),
      })),
      inner.map(({ schema, value }) => ({
        schema: Type.Recursive((This) => Type.Object({ a: schema, more: Type.Array(This) })),
        value: fc.array(value, { minLength: 1, maxLength: 3 }).map(([first, ...rest]) => ({
          a: first,
          more: rest.map((a) => ({ a, more: [] })),
        })),
      })),
    ),
  };
});

/** Replaces one random part of a value by an odd value. */
function spoilt(value: unknown, odd: unknown, way: readonly number[]): unknown {
  const [step, ...rest] = way;
  if (step === undefined || typeof value !== 'object' || value === null) return odd;
  const names = Object.keys(value);
  const name = names[step % (names.length || 1)];
  if (name === undefined) return odd;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<string, unknown>;
  copy[name] = spoilt(copy[name], odd, rest);
  return copy;
}

describe('a response by its declared schema', () => {
  it('represents the value and fits the schema, or is refused', () => {
    const way = fc.array(fc.nat(9), { maxLength: 4 });
    const given = cases.chain(({ schema, value }) =>
      fc.tuple(
        fc.constant(schema),
        fc.array(fc.tuple(value, fc.constantFrom(...ODD), way), { minLength: 20, maxLength: 20 }),
      ),
    );
    fc.assert(
      fc.property(given, ([schema, values]) => {
        const write = writerOf(schema);
        for (const [fitting, odd, where] of values) {
          expect(saysTheSame(fitting, JSON.parse(write(fitting))), 'a value that fits').to.equal(true);
          const value = spoilt(fitting, odd, where);
          const text = sent(write, value);
          if (text === undefined) continue;
          const parsed: unknown = JSON.parse(text);
          expect(saysTheSame(value, parsed), text).to.equal(true);
          expect(Value.Check(schema, parsed), text).to.equal(true);
        }
      }),
      { numRuns: 150, seed: 20_240 },
    );
  }).timeout(20_000);

  it('accepts text for a number only where JSON carries exactly that number', () => {
    const integer = writerOf(Type.Integer());
    const number = writerOf(Type.Number());
    for (const text of ['19.99', '', ' ', '1e3', '0x10', '007', '+1', '-0', '9007199254740993', 'Infinity']) {
      expect(sent(integer, text), text).to.equal(undefined);
      if (text !== '19.99') expect(sent(number, text), text).to.equal(undefined);
    }
    expect([integer('5'), integer('-12'), integer('5.00'), number('19.90'), number('-0.5')]).to.deep.equal([
      '5',
      '-12',
      '5',
      '19.9',
      '-0.5',
    ]);
    expect(integer(2n ** 53n + 1n)).to.equal('9007199254740993');
    expect(sent(number, 2n ** 53n + 1n)).to.equal(undefined);
  });

  it('follows references, conditions and all other keywords of JSON Schema', () => {
    const member = (inside: object) => Type.Unsafe({ type: 'object', properties: { x: inside } });
    const kind = { type: 'object', properties: { k: { const: 'a' } }, required: ['k'] };
    const [integer, text] = ['integer', 'string'].map((type) => ({
      type: 'object',
      properties: { n: { type } },
    }));
    const unless = {
      type: 'object',
      properties: { k: { type: 'string' } },
      ...Object.fromEntries([
        ['if', kind],
        ['then', integer],
        ['else', text],
      ]),
    };
    const referring = Type.Unsafe({
      type: 'object',
      definitions: { a: { type: 'object', properties: { a: { type: 'integer' } } } },
      properties: { x: { $ref: '#/definitions/a' } },
    });
    for (const [schema, fitting, other] of [
      [referring, { x: { a: 1 } }, { x: { a: null } }],
      [Type.Unsafe(unless), { k: 'a', n: 1 }, { k: 'a', n: null }],
      [Type.Unsafe(unless), { k: 'b', n: 'x' }, { k: 'b', n: null }],
      [member({ enum: ['a', 1, null] }), { x: null }, { x: 'b' }],
      [member({ const: { a: 1 } }), { x: { a: 1 } }, { x: { a: 2 } }],
      [member({ type: ['string', 'null'], const: 'a' }), { x: 'a' }, { x: 'b' }],
      [member({ properties: { a: { type: 'integer' } } }), { x: { a: 1 } }, { x: null }],
      [member({ not: { type: 'string' } }), { x: 1 }, { x: 'a' }],
      [member({ oneOf: [{ type: 'integer' }, { const: 1 }] }), { x: 2 }, { x: 1 }],
      [member({ type: 'object', propertyNames: { pattern: '^a' } }), { x: {} }, { x: { b: 1 } }],
      [Type.Record(Type.String({ pattern: '^a' }), Type.String()), { ab: 'x' }, { ab: null }],
      [member({ type: 'integer', unit: 'ms' }), { x: '5' }, { x: '5.5' }],
      [Type.Array(Type.Boolean()), [true], [undefined]],
      [Type.Union([Type.String(), member({})]), { x: 1 }, { toJSON: () => ({ x: 1 }) }],
    ] as const) {
      const write = writerOf(schema as TSchema);
      expect(sent(write, other), JSON.stringify(schema)).to.equal(undefined);
      expect(saysTheSame(fitting, JSON.parse(write(fitting))), JSON.stringify(schema)).to.equal(true);
    }
  });

  it('may be an object of a class with members, but not of one that hides its content', () => {
    const write = writerOf(Type.Object({ inner: Type.Object({ name: Type.Optional(Type.String()) }) }));
    class Named {
      get name(): string {
        return 'ada';
      }
    }
    expect(write({ inner: new Named() })).to.equal('{"inner":{"name":"ada"}}');
    for (const inner of [
      new Map(),
      new Set(),
      Promise.resolve(),
      new Response('x'),
      new Error('x'),
      /x/,
      new ArrayBuffer(1),
      new String('a'),
    ]) {
      expect(sent(write, { inner }), inner.constructor.name).to.equal(undefined);
    }
  });

  it('cannot be declared by a reference without a target', () => {
    expect(() => writerOf(Type.Unsafe({ $ref: '#/definitions/none' }))).to.throw('response schema 200');
  });
});
