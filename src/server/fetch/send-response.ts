// Sends what code of services has made as a `Response` of the fetch standard.
import type { Sent } from '../handler.js';
import type { OutgoingResponse } from '../outgoing-response.js';
import { releaseSource, send, sendPieces } from '../responders.js';
import { requireOctets, textOfOctets } from '../response/field-octets.js';
import { checkField, sentName } from '../response/header-fields.js';
import { UnsendableError } from '../response/unsendable.js';
import { contentOf, isResponse, isWebStream } from './fetch-classes.js';

/** The bytes of all fields of a `Response` together. Clients refuse more than 16 to 256 KiB. */
export const MOST_FIELD_BYTES = 65_536;

/**
 * Sends it. Fields that hooks have set stay, except those of names that it has itself.
 * @throws UnsendableError for a body that was read, for the response of `Response.error()`, and for
 *   fields that
 *   cannot be sent
 */
export function sendResponse(response: OutgoingResponse, made: Response): Sent {
  try {
    return sendChecked(response, made);
  } catch (error) {
    releaseUnsent(response, made);
    throw error;
  }
}

function sendChecked(response: OutgoingResponse, made: Response): Sent {
  const { status, fields, areChecked, body, isUsed } = contentOf(made);
  const { request } = response;
  if (isUsed)
    throw new UnsendableError(
      request,
      'returned a Response whose body was read: return its clone(), or a new one',
    );
  if (status === 0) throw new UnsendableError(request, 'returned Response.error(), which has no status');
  if (fields === undefined)
    throw new UnsendableError(request, 'returned a response whose headers are not pairs of two texts');
  response.setStatus(status);
  const type = body === null || response.hasFields ? undefined : onlyType(fields);
  if (type === undefined) response.fields.add(fieldsOf(response, fields, areChecked));
  if (body === null || typeof body === 'string' || body instanceof Uint8Array)
    return send(response, type, body);
  return sendPieces(response, body, type);
}

/** Types that were found to be plain, which are few. */
const TYPES = new Set<string>();
const MOST_TYPES = 100;
const PLAIN_TYPE = /^[\x21-\x7e][\x20-\x7e]{1,100}$/;

/** The type of a response that has no other field, as most have none. */
function onlyType(fields: readonly string[]): string | undefined {
  if (fields.length !== 2 || fields[0] !== 'content-type') return undefined;
  const type = fields[1]!;
  if (TYPES.has(type)) return type;
  if (!PLAIN_TYPE.test(type)) return undefined;
  if (TYPES.size < MOST_TYPES) TYPES.add(type);
  return type;
}

/** Releases the stream of a response, or a stream, that is not sent. */
export function releaseUnsent(response: OutgoingResponse, value: object): void {
  try {
    const source = isResponse(value) ? contentOf(value).body : value;
    if (typeof source === 'object' && source !== null && isWebStream(source) && !source.locked)
      releaseSource(response, source);
  } catch (error) {
    response.sourceFailed(error);
  }
}

const CONNECTION = 'connection';

/** Without the fields of the connection, which end here (RFC 9110 section 7.6.1). */
function fieldsOf(response: OutgoingResponse, fields: readonly string[], areChecked: boolean): string[] {
  const ofConnection = connectionFields(fields);
  const sent: string[] = [];
  let bytes = 0;
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1]!;
    const name = areChecked ? sentName(fields[i]!) : checkedName(response, fields[i]!, value);
    if (name === undefined || ofConnection?.includes(name) === true) continue;
    bytes += name.length + value.length;
    sent.push(name, textOfOctets(value));
  }
  if (bytes > MOST_FIELD_BYTES)
    throw new UnsendableError(
      response.request,
      `returned fields of ${bytes} bytes; at most ${MOST_FIELD_BYTES} are sent`,
    );
  return sent;
}

function checkedName({ request }: OutgoingResponse, name: string, value: string): string | undefined {
  try {
    const field = checkField(name, value);
    requireOctets(value);
    return field;
  } catch (cause) {
    const what =
      'returned a Response with a header field that cannot be sent: use a name and a value of RFC 9110';
    throw new UnsendableError(request, what, cause);
  }
}

/** The names in all lines of `Connection`: a response of another package may have several, in any case. */
function connectionFields(fields: readonly string[]): readonly string[] | undefined {
  let names: string[] | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.length !== CONNECTION.length || fields[i]!.toLowerCase() !== CONNECTION) continue;
    names ??= [];
    for (const name of fields[i + 1]!.split(',')) names.push(name.trim().toLowerCase());
  }
  return names;
}
