// Heads of requests and responses, between the forms of `node:http` and ours. Node.js reads and writes one
// character per byte; texts of ours are UTF-8.
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { HttpError } from '../../errors.js';
import type { HeadReader } from '../framing.js';
import { textOfOctets } from '../response/field-octets.js';
import { uniqueMethod } from '../routing/methods.js';
import { ServerRefusal } from '../server-refusal.js';

/** The most field lines of a request, as on the other core. */
const MOST_FIELDS = 98;

/**
 * `http://host/path?query` (RFC 9112 section 3.2.2). The authority may be anything: it is checked as Host.
 */
const ABSOLUTE = /^https?:\/\/([^/?#]*)([^#]*)$/i;

/** Names that were seen in other spellings; clients send the same ones again and again. */
const LOWER = new Map<string, string>();
const MOST_NAMES = 1000;
/** A longer name is not kept. */
const NAME_BYTES = 40;

/**
 * Reads the head of a request.
 * @returns why it must not be executed; undefined when it may be
 */
export function readHead(reader: HeadReader, request: IncomingMessage): HttpError | undefined {
  const { method = '', url = '', rawHeaders, httpVersionMinor } = request;
  const [authority, target] = url.startsWith('/') ? [undefined, url] : partsOf(url);
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  reader.start(
    uniqueMethod(method),
    textOfOctets(path),
    mark === -1 ? '' : textOfOctets(target.slice(mark + 1)),
  );
  let hasHost = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = lower(rawHeaders[i]!);
    // RFC 9110 section 7.8
    if (httpVersionMinor === 0 && name === 'upgrade') continue;
    const isHost = name === 'host';
    if (isHost) {
      hasHost = true;
      // Host is checked all the same: it must not appear twice.
      if (authority !== undefined) replaceHost(request, i, authority);
    }
    reader.field(name, textOfOctets(rawHeaders[i + 1]!));
  }
  // A request of HTTP/1.0 has no Host, and no chunks.
  if (httpVersionMinor === 0 && !hasHost) reader.field('host', authority ?? 'localhost');
  return faultOf(reader, target, request);
}

/** The authority of the target takes the place of Host (RFC 9112 section 3.2.2). */
function replaceHost(request: IncomingMessage, at: number, authority: string): void {
  request.rawHeaders[at + 1] = authority;
  request.headers.host = authority;
}

function faultOf(reader: HeadReader, target: string, request: IncomingMessage): HttpError | undefined {
  const { rawHeaders, httpVersionMajor, httpVersionMinor, method } = request;
  if (httpVersionMajor !== 1)
    return new ServerRefusal('MALFORMED_REQUEST', 'The request cannot be parsed as HTTP/1.1.');
  if (httpVersionMinor === 0 && reader.head.isChunked)
    return new ServerRefusal('MALFORMED_REQUEST', 'HTTP/1.0 has no Transfer-Encoding.');
  const isServerWide = target === '*' && method === 'OPTIONS';
  if (!target.startsWith('/') && !isServerWide && method !== 'CONNECT')
    return new ServerRefusal('MALFORMED_REQUEST', 'The target of the request has no path.');
  if (rawHeaders.length > 2 * MOST_FIELDS)
    return new ServerRefusal('HEADERS_TOO_LARGE', `The header has more than ${MOST_FIELDS} fields.`);
  return reader.fault();
}

/** @returns the authority of an absolute target, and the target without it */
function partsOf(url: string): [authority: string | undefined, target: string] {
  const parts = ABSOLUTE.exec(url);
  if (parts === null) return [undefined, url];
  const target = parts[2]!;
  return [parts[1]!, target.startsWith('/') ? target : `/${target}`];
}

/** The path of a target, as text. */
export function pathOf(url: string): string {
  const [, target] = url.startsWith('/') ? [undefined, url] : partsOf(url);
  const mark = target.indexOf('?');
  return textOfOctets(mark === -1 ? target : target.slice(0, mark));
}

function lower(name: string): string {
  const known = LOWER.get(name);
  if (known !== undefined) return known;
  const made = name.toLowerCase();
  if (LOWER.size < MOST_NAMES && name.length <= NAME_BYTES) LOWER.set(name, made);
  return made;
}

const STATUS_LINES = new Map(
  Object.entries(STATUS_CODES).map(([code, reason]) => [Number(code), `HTTP/1.1 ${code} ${reason}\r\n`]),
);

/**
 * The head of a response as it goes on the wire, one character per byte.
 * @param fields checked, flat: name, value, name, value…
 */
export function headText(status: number, fields: readonly string[], date: string): string {
  let text = STATUS_LINES.get(status) ?? `HTTP/1.1 ${status} Unknown\r\n`;
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return `${text}Date: ${date}\r\n\r\n`;
}
