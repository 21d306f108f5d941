// What a response schema takes, part by part. The serializer that is compiled from the schema turns what it
// does not expect into something that looks right: null into 0, "" or {}, a string into {}, 1.5 into 1, any
// text into the constant. So each value is compared with this first. What this does not decide alone, the
// reader of the schema says (`isEchoed`, `isStrict`).
import { types } from 'node:util';
import { isDecimal, isEmptyInstance, isOpaque, shownBy, textOf } from '../../json-form.js';
import { ANY, ARRAY, BOOLEAN, INTEGER, NULL, NUMBER, OBJECT, STRING } from './response-kinds.js';

export interface Shape {
  /** Bits of what is taken. */
  readonly kinds: number;
  /** The only values that are taken: a constant, an enumeration. */
  readonly values: readonly unknown[] | undefined;
  /** Listed members, and the shape of each. */
  readonly names: readonly string[];
  readonly members: readonly Shape[];
  readonly items: Shape | undefined;
  /** Of an array of exactly so many items. */
  readonly tuple: readonly Shape[] | undefined;
  /** Of every member whose name matches. */
  readonly patterns: readonly (readonly [pattern: string, member: Shape])[];
  /** Of every member that is neither listed nor matched. */
  readonly others: Shape | undefined;
  /** All of these must take the value as well. */
  readonly parts: readonly Shape[];
  /** One of these must take the value as well. */
  readonly choices: readonly Shape[];
}

/** What no schema restricts. */
export const ANYTHING: Shape = {
  kinds: ANY,
  values: undefined,
  names: [],
  members: [],
  items: undefined,
  tuple: undefined,
  patterns: [],
  others: undefined,
  parts: [],
  choices: [],
};

const shapesIn = ({ members, items, tuple = [], patterns, others, parts, choices }: Shape): Shape[] => [
  ...members,
  ...(items === undefined ? [] : [items]),
  ...tuple,
  ...patterns.map(([, member]) => member),
  ...(others === undefined ? [] : [others]),
  ...parts,
  ...choices,
];

/** Its kinds say everything, except which values. */
export const isBare = (shape: Shape): boolean => shapesIn(shape).length === 0;

/** It takes whatever JSON has. */
export const isFree = (shape: Shape): boolean =>
  shape.kinds === ANY && shape.values === undefined && isBare(shape);

/** The schema leaves open what some part of it holds. */
export function hasAnything(shape: Shape, seen = new Set<Shape>()): boolean {
  if (seen.has(shape)) return false;
  seen.add(shape);
  const inside = shapesIn(shape);
  return inside.length === 0
    ? (shape.kinds & (ARRAY | OBJECT)) !== 0
    : inside.some((part) => hasAnything(part, seen));
}

/**
 * Whether a value is of one of these kinds, or is written as one without loss.
 * @param names members that the schema lists, which an object of a class may have by its getters
 */
export function fits(kinds: number, value: unknown, names: readonly string[] = []): boolean {
  if (kinds === ANY) return true;
  switch (typeof value) {
    case 'string':
      return (kinds & STRING) !== 0 || (isNumeric(kinds) && isNumberFor(kinds, value));
    case 'number':
      if ((kinds & (STRING | NUMBER)) !== 0) return Number.isFinite(value);
      return (kinds & INTEGER) !== 0
        ? Number.isInteger(value)
        : (kinds & BOOLEAN) !== 0 && (value === 0 || value === 1);
    case 'bigint':
      if ((kinds & STRING) !== 0) return true;
      if ((kinds & NUMBER) !== 0) return Number.isFinite(Number(value)) && BigInt(Number(value)) === value;
      return (kinds & INTEGER) !== 0;
    case 'boolean':
      return (kinds & (BOOLEAN | STRING)) !== 0;
    case 'object':
      return value === null ? (kinds & NULL) !== 0 : objectFits(kinds, value, names);
    default:
      return false;
  }
}

const isNumeric = (kinds: number): boolean => (kinds & (NUMBER | INTEGER)) !== 0;
const isNumberFor = (kinds: number, text: string): boolean =>
  isDecimal(text) && ((kinds & NUMBER) !== 0 || Number.isInteger(Number(text)));

function objectFits(kinds: number, value: object, names: readonly string[]): boolean {
  if (Array.isArray(value)) return (kinds & ARRAY) !== 0;
  if (ArrayBuffer.isView(value)) return false;
  if ((kinds & OBJECT) !== 0) {
    // What it gives is written in its place.
    const shown = shownBy(value);
    if (typeof shown !== 'object' || shown === null || Array.isArray(shown) || isOpaque(shown)) return false;
    // A boxed text would be written as its letters.
    if (types.isBoxedPrimitive(shown)) return false;
    return !isEmptyInstance(shown) || names.some((name) => Reflect.get(shown, name) !== undefined);
  }
  if (value instanceof Date && Number.isNaN(value.getTime())) return false;
  const text = textOf(value);
  if (text === undefined || (kinds & STRING) !== 0) return text !== undefined;
  return isNumeric(kinds) && isNumberFor(kinds, text) && Number(value) === Number(text);
}
