// Checks a message before it is encoded. The library takes any object: it ignores members that are not fields
// of the type, and turns values of a wrong type into zeros, so a misspelt name would be lost without a trace.
import type { Enum, Field, MapField, OneOf, Type } from 'protobufjs';
import { describeValue } from '../options.js';
import { oneofsOf } from './oneofs.js';

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
  string: ['a string of whole characters', isText],
  bytes: ['a Uint8Array', (value) => value instanceof Uint8Array],
};

/** Half a surrogate pair cannot be sent: another character would be sent in its place. */
function isText(value: unknown): boolean {
  return typeof value === 'string' && value.isWellFormed();
}

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
  const full = type.fullName.slice(1);
  if (!isPlain(message))
    throw new TypeError(
      `${path === '' ? full : path} must be ${textOf(full)}, not ${describeValue(message)}`,
    );
  for (const [name, value] of Object.entries(message)) {
    if (Object.hasOwn(type.fields, name))
      checkField(type.fields[name]!, value, path === '' ? name : `${path}.${name}`);
    else if (!isOneof(type, name)) throw unknownField(type, name, path);
  }
  for (const oneof of oneofsOf(type)) checkOneof(oneof, message, path);
}

/**
 * Only plain objects have all that they are in their members. Of a Date, a Map or a promise nothing would be
 * sent.
 */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

const textOf = (type: string): string =>
  type === 'google.protobuf.Timestamp' || type === 'google.protobuf.Duration'
    ? 'an object { seconds, nanos }'
    : 'an object';

const isOneof = (type: Type, name: string): boolean => oneofsOf(type).some((oneof) => oneof.name === name);

function checkOneof(oneof: OneOf, message: Readonly<Record<string, unknown>>, path: string): void {
  const own = (name: string): unknown => (Object.hasOwn(message, name) ? message[name] : undefined);
  const names = oneof.fieldsArray.map(({ name }) => name);
  const set = names.filter((name) => own(name) !== undefined && own(name) !== null);
  const at = path === '' ? oneof.name : `${path}.${oneof.name}`;
  if (set.length > 1) throw new TypeError(`${at} may have one of ${set.join(' and ')}, not all of them`);
  const named = own(oneof.name);
  if (named === undefined || named === null || named === set[0]) return;
  const right = set.length === 0 ? 'absent, as none of its members is set' : `"${set[0]}", which is set`;
  throw new TypeError(`${at} must be ${right}, not ${describeValue(named)}`);
}

function unknownField(type: Type, name: string, path: string): TypeError {
  const known = Object.keys(type.fields).join(', ');
  const where = path === '' ? type.fullName.slice(1) : `${path} (${type.fullName.slice(1)})`;
  return new TypeError(`${where} has no field "${name}"; its fields are ${known}`);
}

function checkField(field: Field, value: unknown, path: string): void {
  if (value === undefined || value === null) return;
  if (field.map) {
    if (!isPlain(value))
      throw new TypeError(`${path} must be an object of values by key, not ${describeValue(value)}`);
    for (const [key, entry] of Object.entries(value)) {
      checkKey((field as unknown as MapField).keyType, key, path);
      checkValue(field, entry, `${path}.${key}`);
    }
  } else if (field.repeated) {
    if (!Array.isArray(value)) throw new TypeError(`${path} must be a list, not ${describeValue(value)}`);
    for (const [index, entry] of value.entries()) checkValue(field, entry, `${path}[${index}]`);
  } else checkValue(field, value, path);
}

/** Keys are texts. Two texts of one number, such as `7` and `07`, would be one key when they are sent. */
function checkKey(keyType: string, key: string, path: string): void {
  const [text, is] = KINDS[keyType]!;
  if (!is(keyValue(keyType, key)))
    throw new TypeError(`a key of ${path} must be ${text}, not ${describeValue(key)}`);
  if (keyType !== 'string' && keyType !== 'bool' && !SHORTEST.test(key))
    throw new TypeError(`a key of ${path} must be in its shortest form, not ${describeValue(key)}`);
}

const SHORTEST = /^(?:0|-?[1-9]\d*)$/;

function keyValue(keyType: string, key: string): unknown {
  if (keyType === 'bool') return key === 'true' || (key === 'false' ? false : key);
  return keyType === 'string' || keyType.endsWith('64') ? key : DECIMAL.test(key) && Number(key);
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
