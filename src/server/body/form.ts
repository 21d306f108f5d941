// Parses the bodies that HTML forms without files send: application/x-www-form-urlencoded.
import type { HttpError } from '../../errors.js';
import { QueryValues } from '../request-fields.js';
import { ServerRefusal } from '../server-refusal.js';
import { decodeUtf8 } from './json-body.js';

/** Every field costs several objects, so a body of only `&a=` could cost a hundred times its size. */
export const MAX_FORM_FIELDS = 1000;

/** @throws HttpError BODY_TOO_LARGE for too many fields, MALFORMED_BODY for bytes that are not UTF-8 */
export function parseForm(bytes: Uint8Array): QueryValues {
  const text = decodeUtf8(bytes);
  let fields = 1;
  for (let at = text.indexOf('&'); at !== -1; at = text.indexOf('&', at + 1)) {
    if (++fields > MAX_FORM_FIELDS) throw tooManyFields();
  }
  return new QueryValues(text);
}

const tooManyFields = (): HttpError =>
  new ServerRefusal('BODY_TOO_LARGE', `The form has more than ${MAX_FORM_FIELDS} fields.`);
