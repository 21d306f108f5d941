// The head of a response in the form that goes on the wire.
import { STATUS_CODES } from 'node:http';
import { octetsOf } from '../response/field-octets.js';

const STATUS_LINES = new Map(
  Object.entries(STATUS_CODES).map(([code, reason]) => [Number(code), `${code} ${reason}`]),
);
export const statusLine = (status: number): string => STATUS_LINES.get(status) ?? `${status} Unknown`;

/**
 * Joins all fields into the value of the first one, so that a single call of the core writes them. A call for
 * each field would cost as much as a route look-up.
 * @param fields checked, flat: name, value, name, value…
 * @returns bytes where a value is no UTF-8
 */
export function fieldBlock(fields: readonly string[]): string | Uint8Array {
  let block = fields[1]!;
  for (let i = 2; i < fields.length; i += 2) block += `\r\n${fields[i]}: ${fields[i + 1]}`;
  return octetsOf(block);
}
