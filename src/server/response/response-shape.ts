// A shape describes what a response schema accepts. The serializer that is compiled from the schema turns a
// value that it does not expect into one that looks right: null into 0, "" or {}, a string into {}, 1.5 into
// 1, any text into the constant. So each value is compared with the shape first. Where a shape cannot decide
// alone, the reader of the schema requires a further check (`isEchoed`, `isStrict`).
import { types } from 'node:util';
import { isDecimal, isEmptyInstance, isOpaque, shownBy, textOf } from '../../json-form.js';
import { ANY, ARRAY, BOOLEAN, INTEGER, NULL, NUMBER, OBJECT, STRING } from './response-kinds.js';

export interface Shape {
  /** The kinds of values that are accepted, as bits. */
  readonly kinds: number;
  /** The only values that are accepted: a constant, or an enumeration. */
  readonly values: readonly unknown[] | undefined;
  /** The names of listed members, and beside them the shape of each. */
  readonly names: readonly string[];
  readonly members: readonly Shape[];
  /** The shape of every item of an array. */
  readonly items: Shape | undefined;
  /** The shapes of the items of an array with exactly this number of items. */
  readonly tuple: readonly Shape[] | undefined;
  /** The shapes of members by a pattern that their names match. */
  readonly patterns: readonly (readonly [pattern: string, member: Shape])[];
  /** The shape of members that are neither listed nor matched. */
  readonly others: Shape | undefined;
  /** All of these shapes must accept the value as well. */
  readonly parts: readonly Shape[];
  /** At least one of these shapes must accept the value as well. */
  readonly choices: readonly Shape[];
}

/** The shape of a value that no schema restricts. */
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

/** True for a shape that restricts only the kind of a value, or lists the values. */
export const isBare = (shape: Shape): boolean => shapesIn(shape).length === 0;

/** True for a shape that accepts every JSON value. */
export const isFree = (shape: Shape): boolean =>
  shape.kinds === ANY && shape.values === undefined && isBare(shape);

/** True when some part of the schema does not restrict its content. */
export function hasAnything(shape: Shape, seen = new Set<Shape>()): boolean {
  if (seen.has(shape)) return false;
  seen.add(shape);
  const inside = shapesIn(shape);
  return inside.length === 0
    ? (shape.kinds & (ARRAY | OBJECT)) !== 0
    : inside.some((part) => hasAnything(part, seen));
}

/**
 * Whether a value is of one of these kinds, or is written as one of them without loss.
 * @param names the members that the schema lists: an object of a class may have them as getters
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
    // The serializer writes the result of toJSON in place of the value.
    const shown = shownBy(value);
    if (typeof shown !== 'object' || shown === null || Array.isArray(shown) || isOpaque(shown)) return false;
    // A boxed string would be written as its characters.
    if (types.isBoxedPrimitive(shown)) return false;
    return !isEmptyInstance(shown) || names.some((name) => Reflect.get(shown, name) !== undefined);
  }
  if (value instanceof Date && Number.isNaN(value.getTime())) return false;
  const text = textOf(value);
  if (text === undefined || (kinds & STRING) !== 0) return text !== undefined;
  return isNumeric(kinds) && isNumberFor(kinds, text) && Number(value) === Number(text);
}
