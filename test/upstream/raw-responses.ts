// Responses of endpoints that must not be trusted, byte by byte: for the transport and for the gateway.

export const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\n';

export const interim = (status: number): string => `HTTP/1.1 ${status} X\r\n\r\n`;

/** Each is refused with 502, and its connection is not used again. */
export const BAD_RESPONSES: readonly (readonly [what: string, bytes: string])[] = [
  ['two lengths that differ', `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`],
  ['two lengths that are equal', `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab`],
  ['a list of lengths', `${OK}Content-Length: 2, 2\r\n\r\nab`],
  ['a length that is no number', `${OK}Content-Length: 2x\r\n\r\nab`],
  ['a negative length', `${OK}Content-Length: -2\r\n\r\nab`],
  [
    'a length beside chunks',
    `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  ],
  [
    'chunks beside a length',
    `${OK}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  ],
  ['a coding that is not known', `${OK}Transfer-Encoding: xchunked\r\n\r\nab`],
  ['a coding before chunked', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`],
  [
    'chunked twice',
    `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  ],
  ['a size of a chunk that is no number', `${CHUNKED}zz\r\nab\r\n0\r\n\r\n`],
  ['a chunk that is longer than its size', `${CHUNKED}1\r\nab\r\n0\r\n\r\n`],
  [
    'a switch of protocols that was not requested',
    `HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nab`,
  ],
  ['interim responses without an end', interim(103).repeat(100)],
  ['a hundred times 100 Continue', interim(100).repeat(100)],
  ['a broken chunk', `${CHUNKED}zz\r\nx\r\n`],
  ['a header that is too large', `${OK}X-Large: ${'x'.repeat(20_000)}\r\n\r\n`],
  ['many fields that are too large together', `${OK}${'X-A: 0123456789\r\n'.repeat(2_000)}\r\n`],
  ['bytes that are no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['a status that HTTP does not have', 'HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a status that is no number', 'HTTP/1.1 abc OK\r\n\r\n'],
  ['a field name with a space', `${OK}X bad: 1\r\nContent-Length: 0\r\n\r\n`],
  ['a space before the colon', `${OK}Content-Length : 2\r\n\r\nab`],
  ['a NUL in a field', `${OK}X-A: a\0b\r\nContent-Length: 0\r\n\r\n`],
  ['a bare CR in a field', `${OK}X-A: a\rb\r\nContent-Length: 0\r\n\r\n`],
  ['a folded field', `${OK}X-A: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
];
