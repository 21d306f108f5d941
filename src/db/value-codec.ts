// How JavaScript values become parameters of a statement, and how columns become JavaScript values.
import type pg from 'pg';
import { bufferOf } from '../buffer-of.js';
import { DatabaseMisuseError } from './database-errors.js';
import { driver } from './driver.js';

/** OIDs of int8 and int8[]. */
const INT8 = 20;
const INT8_ARRAY = 1016;
/** The protocol counts parameters in 16 bits. */
const MAX_VALUES = 65_535;

/**
 * Converts values to parameters that the driver can send without failing: its own conversion of an object
 * happens after the first part of the statement was sent. Arrays become PostgreSQL arrays; for a JSON array
 * in a json column pass `JSON.stringify(array)`.
 * @throws DatabaseMisuseError for values that are no array, or too many; TypeError for one that has no JSON
 */
export function encode(values: readonly unknown[]): unknown[] {
  if (!Array.isArray(values)) {
    throw new DatabaseMisuseError("the values of a statement are an array: db.query('select $1', [value])");
  }
  if (values.length > MAX_VALUES) {
    throw new DatabaseMisuseError(
      `a statement has at most ${MAX_VALUES} values, not ${values.length}: pass many rows as arrays, by unnest`,
    );
  }
  return values.map(encodeOne);
}

function encodeOne(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(encodeOne);
  if (typeof value !== 'object' || value instanceof Date) return value;
  // The driver would read the memory only while it sends the statement, and it may have been transferred by
  // then.
  if (ArrayBuffer.isView(value)) return bufferOf(value);
  return JSON.stringify(value);
}

/**
 * Conversion of columns: int8 becomes a number, or throws a RangeError if the number would not be exact. All
 * other types are converted as the driver does (timestamptz: Date, json: parsed).
 */
export function typeParsers(): pg.CustomTypesConfig {
  const { types } = driver();
  const parserOf = types.getTypeParser as (oid: number, format: 'text') => (text: string) => unknown;
  const parseInt8Array = parserOf(INT8_ARRAY, 'text') as (text: string) => (string | null)[];
  const toNumbers = (text: string): (number | null)[] =>
    parseInt8Array(text).map((item) => (item === null ? null : toNumber(item)));
  return {
    getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
      if (format === 'binary') return types.getTypeParser(oid, 'binary');
      if (oid === INT8) return toNumber;
      if (oid === INT8_ARRAY) return toNumbers;
      return types.getTypeParser(oid, 'text');
    }) as typeof types.getTypeParser,
  };
}

function toNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`${text} does not fit a JavaScript number: select it as text`);
}
