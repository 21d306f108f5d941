// Checks the options of a call before anything is counted or sent, so that a mistake of the caller never
// counts as a failure of an endpoint.
import { types } from 'node:util';
import {
  checkOptions,
  FUNCTION,
  type OptionKind,
  oneOf,
  SIGNAL,
  SWITCH,
  shapeOf,
  TEXT,
  typeErrorFor,
  wholeNumber,
} from '../options.js';
import { PICKER } from '../upstream-options.js';
import type { CallOptions, ClientOptions, StreamedCallOptions } from './call.js';
import { isStreamedBody } from './streamed-options.js';

/** `timeoutMs` may be Infinity: then only the deadline of the request applies. */
const timeout: OptionKind = {
  text: 'a number of milliseconds',
  is: (value) => typeof value === 'number' && value >= 0,
};
const delay: OptionKind = { ...timeout, is: (value) => Number.isFinite(value) && (value as number) >= 0 };

/** Rejects a text (`'a=b'`), which would be an iterable of characters, and objects that show no pairs. */
const isPairs = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  if (Symbol.iterator in value) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object may come from another realm, such as those of `node:vm`.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

export const WHOLE_BODY: OptionKind = {
  text: 'a string or a Uint8Array (an object is sent as json)',
  is: (value) => typeof value === 'string' || types.isUint8Array(value),
};

export const CALL_KINDS = {
  params: { text: 'an object such as { id: 7 }', is: isPairs },
  query: { text: 'an object such as { page: 2 }, a URLSearchParams or a Map', is: isPairs },
  headers: { text: "an object such as { accept: 'text/csv' }, a Headers or a Map", is: isPairs },
  json: {
    text: 'a value that JSON can write',
    is: (value) => typeof value !== 'function' && typeof value !== 'symbol',
  },
  body: {
    text: 'a string, a Uint8Array, a stream or another async iterable (an object is sent as json)',
    is: (value) => WHOLE_BODY.is(value) || isStreamedBody(value),
  },
  idempotencyKey: TEXT,
  timeoutMs: timeout,
  retries: wholeNumber(0),
  hedgeMs: delay,
  maxConcurrent: wholeNumber(1),
  singleFlight: SWITCH,
  stream: SWITCH,
  version: TEXT,
  hashKey: TEXT,
  picker: PICKER,
  signal: SIGNAL,
  fallback: FUNCTION,
} satisfies { readonly [K in keyof Required<CallOptions>]: OptionKind };

const OPTIONS = shapeOf<CallOptions>('{ timeoutMs: 500 }', CALL_KINDS);

const CLIENT_OPTIONS = shapeOf<ClientOptions>("{ prefer: 'network' }", { prefer: oneOf('network') });

const fault = typeErrorFor('call');

/** @returns whether instances in this process are called over the network @throws TypeError */
export function prefersNetwork(options: ClientOptions): boolean {
  checkOptions(options, CLIENT_OPTIONS, fault);
  return options.prefer === 'network';
}

/**
 * @throws TypeError for an unknown option, and for a value that would disable a limit or be sent as another
 *   value
 */
export function checkCall(options: CallOptions | StreamedCallOptions): void {
  checkOptions(options, OPTIONS, fault);
}
