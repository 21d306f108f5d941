// What differs between our responses and those of @hono/node-server in its default configuration, by kind.
// docs/http.md has the same reasons.
import type { CORE } from '#test/support/core.js';
import { BODILESS, STATUSES } from './cases.js';
import { OVERRIDDEN } from './overridden-cases.js';

export interface Told {
  readonly status: number;
  /** The text of the status line. */
  readonly reason: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

interface Seen {
  readonly name: string;
  /** The response of @hono/node-server with `overrideGlobalObjects: false`: by the classes of Node.js. */
  readonly byNode: Told;
  readonly ours: Told;
}

export interface Kind {
  readonly because: string;
  /** The core that differs. Default: both. */
  readonly core?: typeof CORE;
  readonly cases: readonly string[];
  /** @returns what we send where they send this; it must be something else */
  readonly instead: (theirs: Told, seen: Seen) => Told;
}

/** The case itself, and the same for HEAD. */
const both = (...names: readonly string[]): string[] =>
  names.flatMap((name) => [`a response: ${name}`, `HEAD of a response: ${name}`]);
const responses = (...names: readonly string[]): string[] => names.map((name) => `a response: ${name}`);
const heads = (...names: readonly string[]): string[] => names.map((name) => `HEAD of a response: ${name}`);

const withFields = (told: Told, fields: Told['headers']): Told => {
  const all = Object.entries({ ...told.headers, ...fields });
  return { ...told, headers: Object.fromEntries(all.filter(([, value]) => value !== undefined)) };
};
const withBody = (told: Told, body: string): Told =>
  withFields({ ...told, body }, { 'content-length': String(body.length) });
const without = (told: Told, name: string, value: string): Told =>
  told.headers[name] === value ? withFields(told, { [name]: undefined }) : told;

const byNode: Kind['instead'] = (_theirs, seen) => seen.byNode;
const FAILURE = 'The request failed for a reason that was logged.';
const USED = 'GET /mounted/* returned a Response whose body was read: return its clone(), or a new one';
/** The problem document says what was returned instead of a response, or that the reason is in the log. */
const DETAILS: Readonly<Record<string, string>> = {
  'a failure: an exception': FAILURE,
  'a failure: a rejection': FAILURE,
  'a failure: an exception that is no error': FAILURE,
  'a failure: no response': 'GET /mounted/* returned undefined: a fetch handler returns a Response',
  'a failure: an object that is no response':
    'GET /mounted/* returned an object of the class Object: a fetch handler returns a Response',
  'a failure: Response.error()': 'GET /mounted/* returned Response.error(), which has no status',
  'a failure: a response whose body was read': USED,
  'a failure: a stream that is locked': USED,
};
const OCTETS: Readonly<Record<string, string>> = {
  'the value caf\xe9': '["caf"]',
  'the value caf\xc3\xa9': '["caf"]',
};

export const KINDS: readonly Kind[] = [
  {
    because: 'A text without a type is `text/plain;charset=UTF-8`, as the standard says.',
    cases: [
      'HEAD',
      ...both('an empty text', 'text', 'a large text', 'fields of a record', 'fields of a list'),
      ...both('fields of Headers', 'a field that is no text', 'a field of Latin-1', 'cookies', 'a clone'),
      ...both('a status text', 'fields of a connection'),
      ...STATUSES.filter((status) => !BODILESS.includes(status)).map((status) => `status ${status}`),
    ],
    instead: byNode,
  },
  {
    because: 'A `Response` is what the standard says: it refuses the same values, and has the same members.',
    cases: [
      ...both('a Blob', 'what it says of itself', 'fields of an iterator that ends'),
      ...both('which of its members are listed', 'what is refused'),
      ...both(...Object.keys(OVERRIDDEN)),
      ...responses('bytes that are changed later'),
      'Headers: made of those of a response',
      'Headers: of a redirect',
    ],
    instead: byNode,
  },
  {
    because: 'Bytes and streams without a type have none, instead of `text/plain; charset=UTF-8`.',
    cases: [
      'a body that is sent back',
      'a body that is sent back in pieces',
      ...both('bytes', 'a part of a buffer', 'an ArrayBuffer', 'a DataView', 'a Blob without a type'),
      ...both('bytes that are changed later', 'a stream', 'a stream without pieces', 'a stream that is slow'),
      ...both('a stream through another', 'fields that are set later', 'a clone of a stream'),
      ...both('a class of bytes with an iterator of its own'),
    ],
    instead: (theirs) => without(theirs, 'content-type', 'text/plain; charset=UTF-8'),
  },
  {
    because: 'A response without a body has `content-length: 0`, instead of an empty chunk.',
    cases: [
      ...responses('no body', 'null', 'a stream without pieces', 'a redirect', 'a redirect with a status'),
      'status 205',
    ],
    instead: (theirs) => {
      const unchunked = without(theirs, 'transfer-encoding', 'chunked');
      return unchunked === theirs || theirs.body !== ''
        ? theirs
        : withFields(unchunked, { 'content-length': '0' });
    },
  },
  {
    because:
      'A stream without pieces ends with an empty chunk on the core `node`, which sends the header before.',
    core: 'node',
    cases: responses('a stream without pieces', 'fields of a record', 'a field that is no text'),
    instead: (theirs) => withFields(theirs, { 'content-length': undefined, 'transfer-encoding': 'chunked' }),
  },
  {
    because: 'The response to `HEAD` has no length where it is 0.',
    cases: heads('fields of a record', 'a field that is no text'),
    instead: (theirs) => without(theirs, 'content-length', '0'),
  },
  {
    because:
      'Streams are sent in chunks from their first piece on. Their length is not waited for, nor taken from the application.',
    cases: [
      ...both('a Blob', 'a Blob without a type', 'a number', 'a stream with a length', 'a status text'),
      ...both('a body of another response', 'fields of an iterator that ends'),
      ...both('an object with a body of its own', 'a class with a body of its own'),
    ],
    instead: (theirs, { name }) => {
      if (theirs.headers['content-length'] === undefined) return theirs;
      const chunked = name.startsWith('HEAD') ? {} : { 'transfer-encoding': 'chunked' };
      return withFields(theirs, { 'content-length': undefined, ...chunked });
    },
  },
  {
    because: 'Fields of the connection that an application sets are not sent.',
    cases: both('fields of a connection'),
    instead: (theirs) => without(without(theirs, 'connection', 'close'), 'keep-alive', 'timeout=1'),
  },
  {
    because: 'The connection is closed behind a request whose body was chunked.',
    cases: [
      // The client of Node.js sends these in chunks, of which there is none.
      ...['POST', 'PUT', 'PATCH'].flatMap((method) => [`method ${method}`, `method ${method}, no body`]),
      ...['text', 'json', 'arrayBuffer', 'blob', 'its stream'].map(
        (read) => `a chunked body, read by ${read}`,
      ),
      'an empty body in chunks',
      'a body that is sent back in pieces',
      'a body that is coded, in chunks',
    ],
    instead: (theirs) => withFields(theirs, { connection: 'close' }),
  },
  {
    because: 'A request that announces no body has none: its `body` is null, and it cannot have been used.',
    cases: ['method DELETE, no body', 'method OPTIONS, no body'],
    instead: (theirs) => withBody(theirs, theirs.body.replace('true', 'false')),
  },
  {
    because: 'Bytes outside of ASCII at the end of a field of a request are removed on the core `uws`.',
    core: 'uws',
    cases: Object.keys(OCTETS),
    instead: (theirs, { name }) => withBody(theirs, OCTETS[name]!),
  },
  {
    because: 'A failure is a problem document that says what was wrong.',
    cases: Object.keys(DETAILS),
    instead: (_theirs, { name, ours }) => {
      const detail = `"detail":${JSON.stringify(DETAILS[name])}`;
      const body = ours.body.replace(/"detail":"(?:[^"\\]|\\.)*"/, () => detail);
      const headers = { 'content-type': 'application/problem+json', 'content-length': String(body.length) };
      return { status: 500, reason: 'Internal Server Error', headers, body };
    },
  },
  {
    because: 'A symbol among the names of a record of fields is ignored, instead of a `TypeError`.',
    cases: ['Headers: made of a record with a symbol'],
    instead: (theirs) => withBody(theirs, theirs.body.replace('TypeError', 'x-a,1')),
  },
  {
    because: 'The text of a status that has none is `Unknown`.',
    cases: ['status 599'],
    instead: (theirs) => ({ ...theirs, reason: theirs.reason.replace('unknown', 'Unknown') }),
  },
];
