// The fields of a `Headers` as a flat list: name, value, name, value… Names are in lower case, values are
// bytes as Latin-1, and only `set-cookie` occurs several times. What is not plain is left to Node.js: it
// decides whether that is converted or refused, and by which error.
import { isToken } from '../response/token.js';

export type FieldsInit = ConstructorParameters<typeof globalThis.Headers>[0];

/** A value that Node.js takes as it is. */
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

/** Names as code writes them, which are few, with their lower case. */
const NAMES = new Map<string, string>();
const MOST_NAMES = 500;
const LONGEST_NAME = 64;

/** Fields are searched one by one. A `Headers` of Node.js, which has an index, takes longer lists. */
const MOST_FIELDS = 64;

export const isFull = (fields: readonly string[]): boolean => fields.length >= 2 * MOST_FIELDS;

/** @returns the name in lower case; undefined for one that is no plain name */
export function fieldName(name: unknown): string | undefined {
  if (typeof name !== 'string') return undefined;
  const known = NAMES.get(name);
  if (known !== undefined) return known;
  if (!isToken(name)) return undefined;
  const field = name.toLowerCase();
  if (NAMES.size < MOST_NAMES && name.length <= LONGEST_NAME) NAMES.set(name, field);
  return field;
}

export const isPlainValue = (value: unknown): value is string =>
  typeof value === 'string' && VALUE.test(value);

/** @returns false, and changes nothing, for a field that is not plain, and where the list is full */
export function addField(fields: string[], name: unknown, value: unknown): boolean {
  const field = fieldName(name);
  if (field === undefined || !isPlainValue(value) || isFull(fields)) return false;
  // Only cookies have lines of their own (WHATWG Fetch, "get, decode, and split").
  const at = field === 'set-cookie' ? -1 : indexOfField(fields, field);
  if (at === -1) fields.push(field, value);
  else fields[at + 1] = `${fields[at + 1]!}${field === 'cookie' ? '; ' : ', '}${value}`;
  return true;
}

/**
 * Adds the fields that the native class would find, in its order. Each member and iterator is read once.
 * @returns undefined when all were added; otherwise the same fields for the native class, which converts or
 *   refuses them
 */
export function addFields(fields: string[], init: FieldsInit | null): FieldsInit | null {
  if (typeof init !== 'object' || init === null) return init;
  const iterate: unknown = (init as Partial<Iterable<unknown>>)[Symbol.iterator];
  if (typeof iterate !== 'function') return addRecord(fields, init as Record<string, unknown>);
  if (Array.isArray(init) && iterate === LISTED) return addPairs(fields, init);
  const iterable = { [Symbol.iterator]: () => Reflect.apply(iterate, init, []) as Iterator<unknown> };
  return addPairs(fields, [...iterable]);
}

/** The iterator of a list that has none of its own. */
const LISTED: unknown = Array.prototype[Symbol.iterator];

function addRecord(fields: string[], record: Record<string, unknown>): FieldsInit {
  const names = Object.keys(record);
  // Names that are not enumerable count, unless the record is a proxy. Symbols, which the native class
  // refuses, are ignored: a search for them costs as much as two fields.
  if (Object.getOwnPropertyNames(record).length !== names.length) return record as FieldsInit;
  for (let i = 0; i < names.length; i++) {
    const value = record[names[i]!];
    if (!addField(fields, names[i], value)) return othersOf(fields, record, names.slice(i), value) as never;
  }
  return undefined;
}

/** Reads the others one by one, because the native class reads no further than to one that it refuses. */
function* othersOf(
  fields: readonly string[],
  record: Record<string, unknown>,
  [first, ...others]: readonly string[],
  value: unknown,
): Generator<[string, string]> {
  yield* pairsOf(fields);
  yield [first!, value as string];
  for (const name of others) yield [name, record[name] as string];
}

function addPairs(fields: string[], pairs: readonly unknown[]): FieldsInit {
  for (let i = 0; i < pairs.length; i++) {
    const pair = pairs[i];
    if (!Array.isArray(pair) || pair.length !== 2 || pair[Symbol.iterator] !== LISTED)
      return [...pairsOf(fields), ...pairs.slice(i)] as FieldsInit;
    const [name, value]: unknown[] = pair;
    if (!addField(fields, name, value))
      return [...pairsOf(fields), [name, value], ...pairs.slice(i + 1)] as FieldsInit;
  }
  return undefined;
}

/** @returns undefined for what is no list of pairs of texts: only objects that are no `Headers` have such */
export function foreignFields(headers: unknown): string[] | undefined {
  if (typeof headers !== 'object' || headers === null || !(Symbol.iterator in headers)) return undefined;
  const fields: string[] = [];
  for (const pair of headers as Iterable<unknown>) {
    const [name, value, ...rest]: readonly unknown[] = Array.isArray(pair) ? pair : [];
    if (typeof name !== 'string' || typeof value !== 'string' || rest.length > 0) return undefined;
    fields.push(name, value);
  }
  return fields;
}

/** Sets a field: its first line gets the value, and all others are removed. */
export function replaceField(fields: string[], name: string, value: string): void {
  const at = indexOfField(fields, name);
  if (at === -1) {
    fields.push(name, value);
    return;
  }
  fields[at + 1] = value;
  for (let i = fields.length - 2; i > at; i -= 2) if (fields[i] === name) fields.splice(i, 2);
}

export function removeField(fields: string[], name: string): void {
  for (let i = fields.length - 2; i >= 0; i -= 2) if (fields[i] === name) fields.splice(i, 2);
}

export function fieldValue(fields: readonly string[], name: string): string | null {
  let found: string | null = null;
  for (let i = 0; i < fields.length; i += 2)
    if (fields[i] === name) found = found === null ? fields[i + 1]! : `${found}, ${fields[i + 1]!}`;
  return found;
}

export function indexOfField(fields: readonly string[], name: string): number {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return i;
  return -1;
}

/** The fields in the order in which a `Headers` lists them: by name, and cookies as they were set. */
export function sortedPairs(fields: readonly string[]): [string, string][] {
  return pairsOf(fields).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function pairsOf(fields: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < fields.length; i += 2) pairs.push([fields[i]!, fields[i + 1]!]);
  return pairs;
}
