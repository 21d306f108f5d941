// The header fields that the gateway passes on, in either direction. Fields of the connection end here (RFC
// 9110 section 7.6.1), and so do those that only the runtime, or a proxy that it trusts, may write.
import type { IncomingHttpHeaders } from 'node:http';
import { HttpError, isRuntimeField } from '../errors.js';
import type { IncomingRequest } from '../server/incoming-request.js';
import { GATEWAY_PREFIX } from '../server/relay-routes.js';
import { byteString, textOfOctets } from '../server/response/field-octets.js';
import { RESERVED_FIELDS } from '../upstream/call-request.js';
import { HOP_BY_HOP, namedIn } from '../upstream/http-transport.js';

/**
 * Fields of a request that the gateway writes itself, and two that only strangers send: an address that any
 * client can make up, and `Proxy`, which CGI programs take for the setting HTTP_PROXY (CVE-2016-5385).
 */
const REPLACED: ReadonlySet<string> = new Set([
  'forwarded',
  'proxy',
  'traceparent',
  'tracestate',
  'x-real-ip',
  'x-request-id',
]);
const REPLACEMENT = '\ufffd';

/** The mark of the gateway in `CDN-Loop` (RFC 8586): it shows that a request goes in a circle. */
const LOOP_FIELD = 'cdn-loop';
const LOOP_MARK = 'multilane';
/** The number of gateways of Multilane that a request may pass. */
const MOST_GATEWAYS = 4;

/** Whether a field of a client is not passed on, even to a service of this process. */
export const isUnbelieved = (name: string): boolean =>
  name === 'x-mesh-token' || name === 'x-request-deadline' || isRuntimeField(name);

/**
 * The number of gateways of Multilane that a request has passed before this one.
 * @param headers a flat list
 * @throws HttpError BAD_UPSTREAM for a request that goes in a circle
 */
export function gatewaysPassed(headers: readonly string[]): number {
  let passed = 0;
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i] === LOOP_FIELD) passed += marksIn(headers[i + 1]!);
  if (passed >= MOST_GATEWAYS)
    throw new HttpError('BAD_UPSTREAM', 'The request has passed too many gateways: it goes in a circle.');
  return passed;
}

/**
 * The core reads fields as UTF-8, and what is none as this character. Such a value could not be passed on as
 * it was sent.
 * @param headers a flat list
 * @throws HttpError MALFORMED_REQUEST
 */
export function checkUtf8(headers: readonly string[]): void {
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i + 1]!.includes(REPLACEMENT))
      throw new HttpError('MALFORMED_REQUEST', `The value of the field ${headers[i]} is no UTF-8.`);
}

const marksIn = (loop: string): number =>
  loop.split(',').filter((mark) => mark.trim().split(';')[0] === LOOP_MARK).length;

/** The fields of a request for its service: a new flat list, without `Host` and the fields of the body. */
export function requestFields(request: IncomingRequest, service: string): string[] {
  const { headers } = request.exchange.head;
  const fields: string[] = [];
  const named = namedByClient(headers);
  let loop = LOOP_MARK;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    const value = headers[i + 1]!;
    if (name === LOOP_FIELD) loop = `${value}, ${loop}`;
    else if (!isDropped(name) && !named.has(name)) fields.push(name, byteString(value));
  }
  fields.push(LOOP_FIELD, byteString(loop));
  pushForwarded(fields, request, service);
  return fields;
}

/** A CGI or WSGI server takes `_` for `-`, so a name with it is judged by the name that it would become. */
function isDropped(name: string): boolean {
  const known = name.indexOf('_') === -1 ? name : name.replaceAll('_', '-');
  if (RESERVED_FIELDS.has(known) || REPLACED.has(known)) return true;
  return known.startsWith('x-') && (known.startsWith('x-forwarded-') || isRuntimeField(known));
}

/** Whether the service gets a field that the client has sent. */
export const isPassedOn = (headers: readonly string[], name: string): boolean =>
  !isDropped(name) && !namedByClient(headers).has(name);

/** A client may send several fields of the name `Connection`. */
function namedByClient(headers: readonly string[]): ReadonlySet<string> {
  let all: string | undefined;
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i] === 'connection') all = all === undefined ? headers[i + 1]! : `${all},${headers[i + 1]!}`;
  return namedIn(all);
}

/** Adds what the service has to know of its client. The addresses begin with that of the client. */
function pushForwarded(fields: string[], request: IncomingRequest, service: string): void {
  const { hops, requestedScheme: scheme } = request;
  const host = byteString(request.host);
  const [client, ...proxies] = hops.map((address) => `for=${nodeOf(address)}`);
  const first = `${client};host=${quoted(host)};proto=${scheme}`;
  fields.push('forwarded', proxies.length === 0 ? first : `${first}, ${proxies.join(', ')}`);
  fields.push('x-forwarded-for', hops.join(', '), 'x-forwarded-host', host, 'x-forwarded-proto', scheme);
  fields.push('x-forwarded-prefix', GATEWAY_PREFIX + service);
}

/** An IPv6 address has brackets and quotes (RFC 7239 section 6). */
const nodeOf = (address: string): string => (address.includes(':') ? `"[${address}]"` : address);
const quoted = (text: string): string => `"${ESCAPED.test(text) ? text.replaceAll(/["\\]/g, '\\$&') : text}"`;
/** What has to be escaped in a quoted string. Hardly any host has it. */
const ESCAPED = /["\\]/;

/** Fields of a response that the runtime writes itself. */
const OWN_OF_RESPONSE: ReadonlySet<string> = new Set(['content-length', 'date', 'x-request-id']);

/** The fields of a response for the client: a flat list, in which a name may occur several times. */
export function responseFields(fields: IncomingHttpHeaders): string[] {
  const named = namedIn(fields.connection);
  const passed: string[] = [];
  for (const name in fields) {
    if (HOP_BY_HOP.has(name) || OWN_OF_RESPONSE.has(name) || isRuntimeField(name) || named.has(name))
      continue;
    const value = fields[name]!;
    if (typeof value === 'string') passed.push(name, textOfOctets(value));
    else for (const line of value) passed.push(name, textOfOctets(line));
  }
  return passed;
}
