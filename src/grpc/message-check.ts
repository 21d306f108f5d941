// Checks a message before it is encoded. The library takes any object: it ignores members that are not fields
// of the type, and turns values of a wrong type into zeros, so a misspelt name would be lost without a trace.
import type { Enum, Field, Type } from 'protobufjs';
import { describeValue } from '../options.js';

type Kind = readonly [text: string, is: (value: unknown) => boolean];

const isWhole = (from: number, to: number) => (value: unknown) =>
  Number.isInteger(value) && (value as number) >= from && (value as number) <= to;

const int32: Kind = ['a whole number of 32 bits', isWhole(-(2 ** 31), 2 ** 31 - 1)];
const uint32: Kind = ['a whole number from 0 to 2^32 - 1', isWhole(0, 2 ** 32 - 1)];
const int64: Kind = [
  'a whole number, a bigint or a decimal text of 64 bits',
  isLong(-(2n ** 63n), 2n ** 63n - 1n),
];
const uint64: Kind = [
  'a whole number, a bigint or a decimal text from 0 to 2^64 - 1',
  isLong(0n, 2n ** 64n - 1n),
];
const double: Kind = ['a number', (value) => typeof value === 'number'];

const KINDS: Readonly<Record<string, Kind>> = {
  double,
  float: double,
  int32,
  sint32: int32,
  sfixed32: int32,
  uint32,
  fixed32: uint32,
  int64,
  sint64: int64,
  sfixed64: int64,
  uint64,
  fixed64: uint64,
  bool: ['true or false', (value) => typeof value === 'boolean'],
  string: ['a string', (value) => typeof value === 'string'],
  bytes: ['a Uint8Array', (value) => value instanceof Uint8Array],
};

const DECIMAL = /^-?\d{1,20}$/;

function isLong(from: bigint, to: bigint): (value: unknown) => boolean {
  return (value) => {
    const isSafe = Number.isSafeInteger(value);
    if (!isSafe && typeof value !== 'bigint' && !(typeof value === 'string' && DECIMAL.test(value)))
      return false;
    const whole = BigInt(value as number | bigint | string);
    return whole >= from && whole <= to;
  };
}

/**
 * A member that is `undefined` or `null` is a field without a value. A name of a oneof may say which of its
 * members is set, as in decoded messages.
 * @throws TypeError that names the field by its path
 */
export function checkMessage(type: Type, message: unknown, path = ''): void {
  const at = path === '' ? type.fullName.slice(1) : path;
  if (typeof message !== 'object' || message === null || Array.isArray(message))
    throw new TypeError(`${at} must be an object, not ${describeValue(message)}`);
  for (const [name, value] of Object.entries(message)) {
    const field = type.fields[name];
    if (field !== undefined) checkField(field, value, path === '' ? name : `${path}.${name}`);
    else if (type.oneofs?.[name] === undefined) throw unknownField(type, name, path);
  }
}

function unknownField(type: Type, name: string, path: string): TypeError {
  const known = Object.keys(type.fields).join(', ');
  const where = path === '' ? type.fullName.slice(1) : `${path} (${type.fullName.slice(1)})`;
  return new TypeError(`${where} has no field "${name}"; its fields are ${known}`);
}

function checkField(field: Field, value: unknown, path: string): void {
  if (value === undefined || value === null) return;
  if (field.map) {
    if (typeof value !== 'object' || Array.isArray(value))
      throw new TypeError(`${path} must be an object of values by key, not ${describeValue(value)}`);
    for (const [key, entry] of Object.entries(value)) checkValue(field, entry, `${path}.${key}`);
  } else if (field.repeated) {
    if (!Array.isArray(value)) throw new TypeError(`${path} must be a list, not ${describeValue(value)}`);
    for (const [index, entry] of value.entries()) checkValue(field, entry, `${path}[${index}]`);
  } else checkValue(field, value, path);
}

function checkValue(field: Field, value: unknown, path: string): void {
  const { resolvedType } = field;
  if (resolvedType === null) {
    const [text, is] = KINDS[field.type]!;
    if (!is(value)) throw new TypeError(`${path} must be ${text}, not ${describeValue(value)}`);
  } else if ('fields' in resolvedType) checkMessage(resolvedType, value, path);
  else if (!isEnumValue(resolvedType, value)) {
    const known = Object.keys(resolvedType.values).join(', ');
    throw new TypeError(`${path} must be one of ${known}, not ${describeValue(value)}`);
  }
}

/** A number may be of a newer version of the enum, as proto3 says. */
const isEnumValue = ({ values }: Enum, value: unknown): boolean =>
  typeof value === 'string' ? Object.hasOwn(values, value) : KINDS.int32![1](value);
