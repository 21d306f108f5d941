// Which kinds of values a response schema takes, member by member. The serializer that is compiled from the schema turns what
// it does not expect into something that looks right: null into 0, "" or {}, a string into {}, 1.5 into 1. So each value is
// compared with this first.
import { types } from 'node:util';

const NULL = 1;
const BOOLEAN = 2;
export const INTEGER = 4;
const NUMBER = 8;
export const STRING = 16;
const ARRAY = 32;
export const OBJECT = 64;
export const ANY = 127;

const KINDS: Readonly<Record<string, number>> = {
  null: NULL,
  boolean: BOOLEAN,
  integer: INTEGER,
  number: NUMBER | INTEGER,
  string: STRING,
  array: ARRAY,
  object: OBJECT,
};

export interface Shape {
  /** Bits of what is taken. */
  readonly kinds: number;
  /** Listed members, and the shape of each. */
  readonly names: readonly string[];
  readonly members: readonly Shape[];
  readonly items: Shape | undefined;
  /** Of every member that is not listed. */
  readonly others: Shape | undefined;
}

type Schema = Readonly<Record<string, unknown>>;
const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null;

/** What no schema restricts. */
export const ANYTHING: Shape = { kinds: ANY, names: [], members: [], items: undefined, others: undefined };

/** Of alternatives only the kinds are known: the serializer tells them apart, and refuses what none of them takes. */
export function shapeOf(schema: unknown): Shape {
  if (!isSchema(schema) || Object.keys(schema).length === 0) return ANYTHING;
  const kinds = kindsOf(schema);
  const hasAlternatives = ['anyOf', 'oneOf', 'allOf', '$ref', 'if'].some((word) => word in schema);
  if (hasAlternatives) return { ...ANYTHING, kinds };
  const properties = Object.entries(isSchema(schema.properties) ? schema.properties : {});
  return {
    kinds,
    names: properties.map(([name]) => name),
    members: properties.map(([, member]) => shapeOf(member)),
    items: isSchema(schema.items) && !Array.isArray(schema.items) ? shapeOf(schema.items) : undefined,
    others: othersOf(schema),
  };
}

/** What a record (`Type.Record`) or `additionalProperties` says; members by other patterns are the serializer's alone. */
function othersOf({ patternProperties, additionalProperties }: Schema): Shape | undefined {
  if (!isSchema(patternProperties))
    return isSchema(additionalProperties) ? shapeOf(additionalProperties) : undefined;
  const [[pattern, member] = [], ...more] = Object.entries(patternProperties);
  return pattern === '^(.*)$' && more.length === 0 ? shapeOf(member) : undefined;
}

/** The schema leaves open what some part of it holds. */
export function hasAnything({ kinds, members, items, others }: Shape): boolean {
  const parts = [...members, items, others].filter((part) => part !== undefined);
  return parts.length === 0 ? (kinds & (ARRAY | OBJECT)) !== 0 : parts.some(hasAnything);
}

function kindsOf(schema: Schema): number {
  const { type, nullable, anyOf, oneOf } = schema;
  const alternatives = anyOf ?? oneOf;
  if (type === undefined && Array.isArray(alternatives)) {
    return alternatives.reduce((kinds: number, one) => kinds | (isSchema(one) ? kindsOf(one) : ANY), 0);
  }
  if (type === undefined && 'const' in schema) return kindOfConstant(schema.const);
  if (type === undefined && Array.isArray(schema.enum)) {
    return schema.enum.reduce((kinds: number, one) => kinds | kindOfConstant(one), 0);
  }
  const names = Array.isArray(type) ? (type as unknown[]) : [type];
  const kinds = names.reduce<number>((bits, name) => bits | (KINDS[String(name)] ?? ANY), 0);
  return nullable === true ? kinds | NULL : kinds;
}

function kindOfConstant(value: unknown): number {
  if (value === null) return NULL;
  if (Array.isArray(value)) return ARRAY;
  return KINDS[typeof value] ?? OBJECT;
}

/** Whether a value is of one of these kinds, or is written as one without loss. */
export function fits(kinds: number, value: unknown): boolean {
  if (kinds === ANY) return true;
  switch (typeof value) {
    case 'string':
      // The serializer refuses text that is no number.
      return (kinds & (STRING | NUMBER | INTEGER)) !== 0;
    case 'number':
      if ((kinds & (STRING | NUMBER)) !== 0) return Number.isFinite(value);
      return (kinds & INTEGER) !== 0
        ? Number.isInteger(value)
        : (kinds & BOOLEAN) !== 0 && (value === 0 || value === 1);
    case 'bigint':
      return (kinds & (STRING | NUMBER | INTEGER)) !== 0;
    case 'boolean':
      return (kinds & (BOOLEAN | STRING)) !== 0;
    case 'object':
      return value === null ? (kinds & NULL) !== 0 : objectFits(kinds, value);
    case 'undefined':
      return true;
    default:
      return false;
  }
}

function objectFits(kinds: number, value: object): boolean {
  if (Array.isArray(value)) return (kinds & ARRAY) !== 0;
  if (ArrayBuffer.isView(value)) return false;
  const { toString: asText, toJSON } = value as { readonly toString?: unknown; readonly toJSON?: unknown };
  if ((kinds & OBJECT) !== 0) {
    // What it gives is written in its place.
    if (typeof toJSON === 'function') return typeof (toJSON.call(value, '') as unknown) === 'object';
    return true;
  }
  if ((kinds & (STRING | NUMBER | INTEGER)) === 0) return false;
  if (types.isDate(value)) return !Number.isNaN(value.getTime());
  // It says itself what it is as text: a decimal number, a URL.
  return typeof asText === 'function' && asText !== Object.prototype.toString;
}
