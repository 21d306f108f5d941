// Keys of maps that are integers of 64 bits. The library makes a text of the eight bytes of such a key; here
// it becomes the decimal text that every other 64-bit integer is.
import type { Field, MapField, Type } from 'protobufjs';
import { fieldsWithin } from './types-within.js';

/** Whether the type, or a message in it, has a map with such keys. */
export const hasLongKeys = (type: Type): boolean => fieldsWithin(type).some(isLongKeyed);

const isLongKeyed = (field: Field): boolean => field.map && keyTypeOf(field).endsWith('64');

const keyTypeOf = (field: Field): string => (field as unknown as MapField).keyType;

const UNSIGNED: ReadonlySet<string> = new Set(['uint64', 'fixed64']);

type Members = Record<string, unknown>;

/** @param message decoded; its maps are replaced */
export function writeLongKeys(type: Type, message: Members): void {
  for (const field of type.fieldsArray) {
    const value = message[field.name];
    if (typeof value !== 'object' || value === null) continue;
    if (isLongKeyed(field)) message[field.name] = withLongKeys(keyTypeOf(field), value);
    const { resolvedType } = field;
    if (resolvedType === null || !('fields' in resolvedType)) continue;
    const nested = field.map || field.repeated ? Object.values(value) : [value];
    for (const one of nested) writeLongKeys(resolvedType, one as Members);
  }
}

function withLongKeys(keyType: string, map: object): Members {
  const entries = Object.entries(map).map(([key, value]): [string, unknown] => {
    const bytes = Buffer.from(key, 'latin1');
    const whole = UNSIGNED.has(keyType) ? bytes.readBigUInt64LE() : bytes.readBigInt64LE();
    return [String(whole), value];
  });
  return Object.fromEntries(entries);
}
