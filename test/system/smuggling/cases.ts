// Requests whose end two parsers may see at different offsets (RFC 9112 section 11.2), or that a careless
// parser takes for complete. Requests that are refused in the same way for every path are in
// test/server/framing-over-sockets.test.ts; these show only over a connection: where a body ends, and what is
// done with the bytes after it.

const head = (line: string, ...fields: string[]): string => [line, 'Host: x', ...fields, '', ''].join('\r\n');
const post = (...fields: string[]): string => head('POST /text HTTP/1.1', ...fields);
const get = (...fields: string[]): string => head('GET /who HTTP/1.1', ...fields);

const LENGTHS: Readonly<Record<string, string>> = {
  'twice, different': 'Content-Length: 3\r\nContent-Length: 0',
  'twice, equal': 'Content-Length: 3\r\nContent-Length: 3',
  'twice, in two spellings': 'Content-Length: 3\r\ncONTENT-lENGTH: 0',
  empty: 'Content-Length:',
  'of a space': 'Content-Length:  ',
  'with a plus': 'Content-Length: +3',
  'with a minus': 'Content-Length: -3',
  'with a space inside': 'Content-Length: 3 0',
  'with a tab inside': 'Content-Length: 3\t0',
  'as a list': 'Content-Length: 3, 3',
  'with a comma': 'Content-Length: 3,',
  hexadecimal: 'Content-Length: 0x3',
  'with an exponent': 'Content-Length: 3e0',
  'with a fraction': 'Content-Length: 3.0',
  'with an underscore': 'Content-Length: 0_3',
  'beyond 2^64': 'Content-Length: 18446744073709551619',
  'with a vertical tab': 'Content-Length: \x0b3',
  'with a NUL': 'Content-Length: 3\0',
  'with a byte from 0x80 up': 'Content-Length: \xb3',
  'before a space and a colon': 'Content-Length : 3',
  'before a tab and a colon': 'Content-Length\t: 3',
  'on a folded line': 'Content-Length:\r\n 3',
  'behind a bare line feed': 'X: a\nContent-Length: 3',
  'behind a bare carriage return': 'X: a\rContent-Length: 3',
  'with its line folded into another': 'X: a\r\n Content-Length: 3',
  'with a name in quotes': '"Content-Length": 3',
  'beside chunks': 'Content-Length: 3\r\nTransfer-Encoding: chunked',
  'beside chunks, behind them': 'Transfer-Encoding: chunked\r\nContent-Length: 3',
  'beside an unknown coding': 'Content-Length: 3\r\nTransfer-Encoding: xchunked',
};

const CODINGS: Readonly<Record<string, string>> = {
  'in capitals': 'Transfer-Encoding: CHUNKED',
  twice: 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'twice, the last one identity': 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'twice, the last one chunked': 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
  'in a list': 'Transfer-Encoding: chunked, identity',
  'behind another': 'Transfer-Encoding: gzip, chunked',
  'behind a comma': 'Transfer-Encoding: ,chunked',
  'in quotes': 'Transfer-Encoding: "chunked"',
  'with a parameter': 'Transfer-Encoding: chunked;a=b',
  'behind a tab': 'Transfer-Encoding:\tchunked',
  'behind a vertical tab': 'Transfer-Encoding: \x0bchunked',
  'before a form feed': 'Transfer-Encoding: chunked\x0c',
  'with a NUL': 'Transfer-Encoding: chunked\0',
  'with a byte from 0x80 up': 'Transfer-Encoding: \x85chunked',
  'on a folded line': 'Transfer-Encoding:\r\n chunked',
  'before a space and a colon': 'Transfer-Encoding : chunked',
  'before a tab and a colon': 'Transfer-Encoding\t: chunked',
  'behind a bare line feed': 'X: a\nTransfer-Encoding: chunked',
  'behind a bare carriage return': 'X: a\rTransfer-Encoding: chunked',
  'with an underscore': 'Transfer_Encoding: chunked\r\nTransfer-Encoding: identity',
  empty: 'Transfer-Encoding:',
  cow: 'Transfer-Encoding: cow',
};

/** Malformed chunks after a valid head that announces chunks. */
const CHUNKS: Readonly<Record<string, string>> = {
  'as they should be': '3\r\nabc\r\n0\r\n\r\n',
  'and none': '0\r\n\r\n',
  'and a trailer': '3\r\nabc\r\n0\r\nX: y\r\n\r\n',
  'and a length as the trailer': '0\r\nContent-Length: 100\r\n\r\n',
  'and an extension': '3;a=b\r\nabc\r\n0;c\r\n\r\n',
  'and a line feed in an extension': '3;a\nb\r\nabc\r\n0\r\n\r\n',
  'and a size with a line feed alone': '3\nabc\n0\n\n',
  'and no line end behind the data': '3\r\nabc0\r\n\r\n',
  'and another end behind the data': '3\r\nabcXX0\r\n\r\n',
  'and data longer than its size': '3\r\nabcdef\r\n0\r\n\r\n',
  'and a size of sixteen digits': '0000000000000003\r\nabc\r\n0\r\n\r\n',
  'and a size that overflows': '10000000000000003\r\nabc\r\n0\r\n\r\n',
  'and a signed size': '+3\r\nabc\r\n0\r\n\r\n',
  'and a negative size': '-3\r\nabc\r\n0\r\n\r\n',
  'and a size with 0x': '0x3\r\nabc\r\n0\r\n\r\n',
  'and a space before the size': ' 3\r\nabc\r\n0\r\n\r\n',
  'and a space behind the size': '3 \r\nabc\r\n0 \r\n\r\n',
  'and an empty size': '\r\nabc\r\n0\r\n\r\n',
  'and an end of zeros': '3\r\nabc\r\n0000\r\n\r\n',
  'and an end with a bare line feed': '3\r\nabc\r\n0\r\n\n',
  'and an end without its empty line': '3\r\nabc\r\n0\r\n',
  'and bytes behind their end': '3\r\nabc\r\n0\r\n\r\nX',
};

const HEADS: Readonly<Record<string, string>> = {
  'a bare line feed behind the request line': 'POST /text HTTP/1.1\nHost: x\r\n\r\n',
  'bare line feeds': 'POST /text HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc',
  'bare carriage returns': 'POST /text HTTP/1.1\rHost: x\r\rabc',
  'a NUL in a value': get('X: a\0b'),
  'a NUL in a name': get('X\0: a'),
  'a field without a colon': get('X'),
  'a first field behind a space': 'GET /who HTTP/1.1\r\n X: a\r\nHost: x\r\n\r\n',
  'an obsolete fold': get('X: a', ' b'),
  'white space before a colon': get('X : a'),
  'a name of a space': get(' : a'),
  'a name of a tab': get('\t: a'),
  'HTTP/1.0 and chunks': `${head('POST /text HTTP/1.0', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
  'no version': 'GET /who\r\n\r\n',
  'HTTP/0.9 and fields': 'GET /who\r\nHost: x\r\n\r\n',
  'two spaces in the request line': head('GET  /who HTTP/1.1'),
  'a tab in the request line': head('GET\t/who HTTP/1.1'),
  'a space in the target': head('GET /w ho HTTP/1.1'),
  'a line end in the target': head('GET /who\r\nX: HTTP/1.1'),
  'no Host': 'GET /who HTTP/1.1\r\n\r\n',
  'Host twice': get('Host: y'),
};

const broken = (cases: Readonly<Record<string, string>>, what: string, make: (bytes: string) => string) =>
  Object.entries(cases).map(([name, bytes]): [string, string] => [`${what} ${name}`, make(bytes)]);

/** Requests whose framing cannot be trusted: a second request after them must not be executed. */
export const UNTRUSTED: readonly (readonly [string, string])[] = [
  ...broken(LENGTHS, 'a length', (fields) => `${post(fields)}abc`),
  ...broken(LENGTHS, 'a GET and a length', (fields) => `${get(fields)}`),
  ...broken(CODINGS, 'chunked', (fields) => `${post(fields)}3\r\nabc\r\n0\r\n\r\n`),
  ...broken(CODINGS, 'a GET and chunked', (fields) => `${get(fields)}0\r\n\r\n`),
  ...broken(HEADS, 'a head with', (bytes) => bytes),
];

/** More bytes than are read after an early response. */
const LARGE_CHUNK = `30000\r\n${'x'.repeat(0x30000)}\r\n0\r\n\r\n`;

/** Routes with different kinds of response: at once, late, large, in pieces, without a body, none. */
const LINES = [
  'POST /guarded',
  'POST /paints',
  'POST /parts',
  'PUT /bytes',
  'DELETE /unread',
  'DELETE /paints',
  'OPTIONS /paints',
  'HEAD /large',
  'GET /large',
  'GET /long',
  'GET /stream',
  'GET /events',
  'GET /files/everything.config.js',
  'HEAD /files/everything.config.js',
  'GET /late',
  'GET /chat/lobby',
  'GET /health',
  'BREW /text',
];

/**
 * Chunked bodies: accepted with CHUNKED_BODIES=accept, refused with `reject`; in both the last request of
 * their connection.
 */
export const CHUNKED: readonly (readonly [string, string])[] = [
  ...broken(CHUNKS, 'chunks', (body) => post('Transfer-Encoding: chunked') + body),
  ...broken(CHUNKS, 'a GET with chunks', (body) => get('Transfer-Encoding: chunked') + body),
  ...broken(
    CHUNKS,
    'an upload with chunks',
    (body) => head('PATCH /echo HTTP/1.1', 'Transfer-Encoding: chunked') + body,
  ),
  ...broken(
    CHUNKS,
    'no route and chunks',
    (body) => head('POST /nowhere HTTP/1.1', 'Transfer-Encoding: chunked') + body,
  ),
  ...LINES.flatMap((line) =>
    Object.entries({ whole: '3\r\nabc\r\n0\r\n\r\n', none: '0\r\n\r\n', large: LARGE_CHUNK }).map(
      ([size, body]): [string, string] => [
        `${line} and chunks, ${size}`,
        head(`${line} HTTP/1.1`, 'Transfer-Encoding: chunked') + body,
      ],
    ),
  ),
];

/**
 * Fields with an empty name, which hide the fields after them from the server but not from a proxy before it.
 */
export const NAMELESS: Readonly<Record<string, string>> = {
  'with a value': ': hides',
  'without a value': ':',
  'with a colon in the value': ':: a: b',
};

/** A proxy that sees the length takes the second request for the body. */
export const namelessLength = (line: string, field: string, length: number): string =>
  head(`${line} HTTP/1.1`, field, `Content-Length: ${length}`);

/** A proxy that sees the chunks takes the second request for the next one, or for the data of a chunk. */
export const namelessChunks = (line: string, field: string): string =>
  `${head(`${line} HTTP/1.1`, field, 'Transfer-Encoding: chunked')}30\r\n`;
