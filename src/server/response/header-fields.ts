// Checks the header fields of responses. The core writes names and values as they are, so a line break in a
// value could split the response (CWE-113).
import { isRuntimeField } from '../../errors.js';
import { isToken } from './token.js';

/** A value has no control character but the tab (RFC 9110 section 5.5). */
const VALUE = /^[\t\x20-\x7e\x80-\uffff]*$/;

/** Fields that frame the message, or that core and runtime write themselves. A handler cannot set them. */
const FRAMING = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'trailer',
  'te',
  'date',
  'x-request-id',
]);

/**
 * @returns the name in lower case; undefined for a field of the framing or of the runtime, which is dropped
 * @throws TypeError for a name that is not a token, or a value with control characters
 */
export function checkField(name: string, value: string): string | undefined {
  const field = sentName(name);
  if (typeof value !== 'string' || !VALUE.test(value)) {
    throw new TypeError(`invalid value of header ${name}`);
  }
  return field;
}

/** Names that code sets, which are few, with what `sentName` returns for them. */
const SENT_NAMES = new Map<string, string | undefined>();
const MOST_NAMES = 500;

/**
 * @returns the name in lower case; undefined for a field that is dropped
 * @throws TypeError for a name that is not a token
 */
export function sentName(name: string): string | undefined {
  const known = SENT_NAMES.get(name);
  if (known !== undefined) return known;
  if (typeof name !== 'string' || !isToken(name)) throw new TypeError('invalid header name');
  const lower = name.toLowerCase();
  const sent = FRAMING.has(lower) || isRuntimeField(lower) ? undefined : lower;
  if (SENT_NAMES.size < MOST_NAMES) SENT_NAMES.set(name, sent);
  return sent;
}

/** Sets a field in a flat list name, value, name, value… Only `set-cookie` may occur several times. */
export function setField(fields: string[], name: string, value: string): void {
  if (name !== 'set-cookie') {
    for (let i = 0; i < fields.length; i += 2) {
      if (fields[i] === name) {
        fields[i + 1] = value;
        return;
      }
    }
  }
  fields.push(name, value);
}
