// Ways to break a request: each takes its bytes and gives other ones, by nothing but the chance it is handed.

export interface Chance {
  /** 0 up to, not including, `below`. */
  readonly int: (below: number) => number;
  readonly of: <T>(list: readonly T[]) => T;
}

export type Mutation = (bytes: string, chance: Chance) => string;

const NUMBERS = [
  '-1',
  '+1',
  '0',
  '00',
  '0x10',
  '1e3',
  '4294967296',
  '9007199254740993',
  '9'.repeat(40),
  '',
  ' ',
  'NaN',
];
const ENDS = ['\n', '\r', '\r\r\n', '\n\n', '\0', '\r\n ', '\r\n\t', '\r\n\r\n', '\x0b', '\x85'];
const PERCENT = [
  '%',
  '%0',
  '%zz',
  '%00',
  '%0d%0a',
  '%c0%af',
  '%ff%fe',
  '%2e%2e%2f',
  '%F0%9F%92',
  '%25%32%66',
];
const METHODS = [
  'get',
  'TRACE',
  'CONNECT',
  'PRI',
  'BREW',
  'G\0T',
  '',
  'X'.repeat(300),
  'HEAD',
  'OPTIONS',
  'PATCH',
];
const CHUNKS = [
  'fffffffff\r\n',
  'ffffffffffffffffff\r\n',
  '-1\r\n',
  '0x5\r\nabcde\r\n',
  '5 \r\nabcde\r\n',
  '5;a="b\r\n',
  '\r\n',
  '5\nabcde\n',
  '00000000000000000005\r\nabcde\r\n',
  '0\r\nX: y\r\n\r\n',
];
const RANGES = [
  'bytes=-',
  'bytes=5-1',
  'bytes=0-0,2-3',
  `bytes=${'9'.repeat(30)}-`,
  'bytes=-0',
  'lines=1-2',
  'bytes=0-,-1',
];
const COOKIES = [
  '=',
  ';;;',
  'a',
  '__proto__=1; constructor=2',
  'a="',
  'a=%',
  `a=${'b'.repeat(3000)}`,
  '\xff=\xfe',
  'sid=\x7f',
];
const JSONS = [
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1}}',
  '{"constructor":{"prototype":{}}}',
  '['.repeat(5000),
  `${'['.repeat(100)}${']'.repeat(100)}`,
  `${'{"a":'.repeat(70)}1${'}'.repeat(70)}`,
  '{"name":"\\ud800","price":1e400}',
  '{"name":"\xff","price":-0}',
  '\xef\xbb\xbf{}',
  '"',
  'null',
  '1'.repeat(400),
];
const BODIES = [
  '--b\r\n\r\n--b--',
  '--b--',
  '--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n',
  '--b\r\nContent-Disposition: form-data; name="__proto__"; filename*=utf-8\'\'%ff\r\n\r\nx\r\n--b--\r\n',
  `--b\r\nContent-Disposition: form-data; name="${'n'.repeat(500)}"\r\n\r\n`,
  `--b\r\nX: ${'y'.repeat(20_000)}\r\n\r\n--b--\r\n`,
  `--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\nContent-Transfer-Encoding: base64\r\n\r\n${'!'.repeat(20_000)}`,
  'a=1&'.repeat(1100),
  '&&&=&=%',
  '__proto__=1&a[b]=2&%ff=%fe',
];
const FIELDS = [
  'Content-Length: 0',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip',
  'Host: y',
  'Host:',
  'Connection: close, upgrade',
  'Upgrade: websocket',
  'Expect: 200-maybe',
  'Content-Encoding: br',
  'Content-Type: ;;=',
  'Content-Type: multipart/form-data',
  `Content-Type: multipart/form-data; boundary=${'b'.repeat(300)}`,
  'Content-Type: application/json; charset=utf-7',
  'Accept: ,;q=,*/*;q=9',
  `Accept: ${'a/b,'.repeat(200)}`,
  `Accept-Encoding: ${'gzip;q=0.1,'.repeat(100)}`,
  'If-None-Match: "',
  'If-Modified-Since: yesterday',
  'Forwarded: for=";by="',
  `X-Forwarded-For: ${'1,'.repeat(500)}`,
  'X-Forwarded-Host: a b',
  'Sec-WebSocket-Key: short',
  'Sec-WebSocket-Version: 99',
  `Sec-WebSocket-Protocol: ${'p,'.repeat(300)}`,
  'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99',
  'Origin: null',
  'Sec-Fetch-Site: cross-site',
  'traceparent: 00-00000000000000000000000000000000-0000000000000000-ff',
  'traceparent: ff-zz',
  `tracestate: ${'a=b,'.repeat(300)}`,
  'x-request-id: a b\x01',
  'Idempotency-Key: \xff',
  ': nameless',
  ' : space',
  'No colon at all',
  `${'N'.repeat(3000)}: long`,
  `Long: ${'v'.repeat(30_000)}`,
];

const splice = (bytes: string, at: number, removed: number, put: string): string =>
  bytes.slice(0, at) + put + bytes.slice(at + removed);

/** The head by its lines, and the rest. */
function inHead(bytes: string, change: (lines: string[]) => void): string {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return bytes;
  const lines = bytes.slice(0, end).split('\r\n');
  change(lines);
  return lines.join('\r\n') + bytes.slice(end);
}

const put = (bytes: string, { int }: Chance, text: string): string =>
  splice(bytes, int(bytes.length + 1), 0, text);

/** Another body, framed as it is in three of four: else its length is a lie. */
function withBody(bytes: string, { int }: Chance, body: string): string {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return bytes + body;
  const head = bytes.slice(0, end);
  const length = `Content-Length: ${body.length}`;
  if (int(4) === 0) return `${head}\r\n\r\n${body}`;
  const framed = /Content-Length: \d+/.test(head)
    ? head.replace(/Content-Length: \d+/, length)
    : `${head}\r\n${length}`;
  return `${framed}\r\n\r\n${body}`;
}

const withField = (bytes: string, { int }: Chance, field: string): string =>
  inHead(bytes, (lines) => void lines.splice(1 + int(lines.length), 0, field));

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a bit flipped': (bytes, { int }) => {
    const at = int(bytes.length);
    return splice(bytes, at, 1, String.fromCharCode((bytes.charCodeAt(at) ^ (1 << int(8))) & 255));
  },
  'any byte': (bytes, chance) => put(bytes, chance, String.fromCharCode(chance.int(256))),
  'cut short': (bytes, { int }) => bytes.slice(0, int(bytes.length)),
  'a piece left out': (bytes, { int }) => splice(bytes, int(bytes.length), 1 + int(30), ''),
  'a piece repeated': (bytes, { int }) => {
    const at = int(bytes.length);
    return splice(bytes, at, 0, bytes.slice(at, at + 1 + int(60)).repeat(1 + int(5)));
  },
  'a field twice': (bytes, { int }) =>
    inHead(bytes, (lines) => void lines.splice(1 + int(lines.length), 0, lines[int(lines.length)]!)),
  'a field left out': (bytes, { int }) =>
    inHead(bytes, (lines) => void lines.splice(1 + int(lines.length), 1)),
  'a field more': (bytes, chance) => withField(bytes, chance, chance.of(FIELDS)),
  'many fields': (bytes, chance) =>
    withField(
      bytes,
      chance,
      Array.from({ length: 1 + chance.int(150) }, (_, n) => `X-${n}: ${n}`).join('\r\n'),
    ),
  'a line end': (bytes, chance) => put(bytes, chance, chance.of(ENDS)),
  'other line ends': (bytes, { of }) => bytes.replaceAll('\r\n', of(['\n', '\r', '\r\n\r\n', '\n\r'])),
  'a number': (bytes, chance) => {
    const found = [...bytes.matchAll(/\d+/g)];
    if (found.length === 0) return bytes;
    const number = chance.of(found);
    return splice(bytes, number.index, number[0].length, chance.of(NUMBERS));
  },
  'bad percent-encoding': (bytes, chance) => {
    const target = bytes.indexOf(' ') + 2;
    return splice(
      bytes,
      target + chance.int(Math.max(1, bytes.indexOf(' HTTP') - target)),
      0,
      chance.of(PERCENT),
    );
  },
  'a long target': (bytes, { int }) => bytes.replace(' HTTP', `?${'q=1&'.repeat(int(3000))} HTTP`),
  'another method': (bytes, { of }) => bytes.replace(/^\S* /, `${of(METHODS)} `),
  'another version': (bytes, { of }) =>
    bytes.replace('HTTP/1.1', of(['HTTP/1.0', 'HTTP/2.0', 'HTTP/1.', 'http/1.1', ''])),
  'an odd target': (bytes, { of }) =>
    bytes.replace(/ \S+ /, ` ${of(['*', 'http://x/who', '//', '/..', 'x:80', '/\xff', '/#', '?'])} `),
  'a chunk': (bytes, chance) =>
    withBody(
      withField(bytes, chance, 'Transfer-Encoding: chunked'),
      { ...chance, int: () => 0 },
      chance.of(CHUNKS),
    ),
  'a chunk among others': (bytes, chance) => put(bytes, chance, chance.of(CHUNKS)),
  'a range': (bytes, chance) => withField(bytes, chance, `Range: ${chance.of(RANGES)}`),
  'junk cookies': (bytes, chance) => withField(bytes, chance, `Cookie: ${chance.of(COOKIES)}`),
  'bad JSON': (bytes, chance) => withBody(bytes, chance, chance.of(JSONS)),
  'a bad form': (bytes, chance) => withBody(bytes, chance, chance.of(BODIES)),
  'a body of noise': (bytes, chance) =>
    withBody(
      bytes,
      chance,
      Array.from({ length: chance.int(3000) }, () => String.fromCharCode(chance.int(256))).join(''),
    ),
  'the same behind it': (bytes) => bytes + bytes,
};
