// What the options of a call may be. It is checked before anything is counted or sent, so a mistake of the
// caller is never taken for one of an endpoint.
import { types } from 'node:util';
import {
  checkOptions,
  type OptionKind,
  SIGNAL,
  SWITCH,
  shapeOf,
  TEXT,
  typeErrorFor,
  wholeNumber,
} from '../options.js';
import type { CallOptions } from './call.js';

/** Infinity is allowed for `timeoutMs`: the deadline of the request alone holds. */
const timeout: OptionKind = {
  text: 'a number of milliseconds',
  is: (value) => typeof value === 'number' && value >= 0,
};
const delay: OptionKind = { ...timeout, is: (value) => Number.isFinite(value) && (value as number) >= 0 };

/** Neither text (`'a=b'`), which is an iterable of characters, nor anything whose pairs cannot be seen. */
const isPairs = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  if (Symbol.iterator in value) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object may be one of another realm, such as those of `node:vm`.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

const OPTIONS = shapeOf<CallOptions>('{ timeoutMs: 500 }', {
  query: { text: 'an object such as { page: 2 }, a URLSearchParams or a Map', is: isPairs },
  headers: { text: "an object such as { accept: 'text/csv' }, a Headers or a Map", is: isPairs },
  json: {
    text: 'a value that JSON can write',
    is: (value) => typeof value !== 'function' && typeof value !== 'symbol',
  },
  body: {
    text: 'a string or a Uint8Array (an object is sent as json)',
    is: (value) => typeof value === 'string' || types.isUint8Array(value),
  },
  idempotencyKey: TEXT,
  timeoutMs: timeout,
  retries: wholeNumber(0),
  hedgeMs: delay,
  maxConcurrent: wholeNumber(1),
  singleFlight: SWITCH,
  signal: SIGNAL,
});

const fault = typeErrorFor('call');

/**
 * @throws TypeError for an unknown option, and for a value that would switch off what it bounds, or is sent
 *   as another
 */
export function checkCall(options: CallOptions): void {
  checkOptions(options, OPTIONS, fault);
}
