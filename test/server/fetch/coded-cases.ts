// Content codings, parts and conditions: what an application declares about its content, and what clients say
// that they accept. A mounted application does all of that itself.
import { Buffer } from 'node:buffer';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Case } from './cases.js';

const TEXT = 'a text that can be compressed, '.repeat(200);
const ZIPPED = new Uint8Array(gzipSync(TEXT));
const GZIP = { 'content-encoding': 'gzip', 'content-type': 'text/plain', vary: 'accept-encoding' };
const ACCEPTING = ['accept-encoding', 'gzip, br;q=0.9'];
const CODED = ['content-encoding', 'gzip', 'content-type', 'text/plain'];
const hexOf = (bytes: ArrayBuffer): string => Buffer.from(bytes).toString('hex');

const zipping = (text: string): ReadableStream<Uint8Array> =>
  new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));

export const CODINGS: Readonly<Record<string, Omit<Case, 'name'>>> = {
  'codings that the client accepts': {
    headers: ACCEPTING,
    handler: ({ headers }) => Response.json(headers.get('accept-encoding')),
  },
  'a text for a client that accepts codings': {
    headers: ACCEPTING,
    handler: () => Response.json({ text: TEXT }),
  },
  'a text that is coded already': {
    headers: ACCEPTING,
    handler: () => new Response(ZIPPED, { headers: GZIP }),
  },
  'a text that is coded already, for HEAD': {
    method: 'HEAD',
    headers: ACCEPTING,
    handler: () => new Response(ZIPPED, { headers: GZIP }),
  },
  'a text that is coded as it is sent': {
    headers: ACCEPTING,
    handler: () => new Response(zipping(TEXT), { headers: GZIP }),
  },
  'a coding without a name': {
    handler: () => new Response('x', { headers: { 'content-encoding': 'identity', 'content-type': 'a/b' } }),
  },
  'a coding with bytes that are not coded': {
    headers: ['accept-encoding', 'identity'],
    handler: () => new Response(Uint8Array.of(1, 2, 3), { headers: { ...GZIP, 'x-size': '3' } }),
  },
  'a body that is coded, read as bytes': {
    method: 'POST',
    body: ZIPPED,
    headers: CODED,
    handler: async (request) => Response.json(hexOf(await request.arrayBuffer()).slice(0, 200)),
  },
  'a body that is coded, decoded by the application': {
    method: 'POST',
    body: ZIPPED,
    headers: CODED,
    handler: async (request) => {
      const text = request.body!.pipeThrough<Uint8Array<ArrayBuffer>>(
        new DecompressionStream('gzip') as never,
      );
      return Response.json([
        (await new Response(text).text()).length,
        request.headers.get('content-encoding'),
      ]);
    },
  },
  'a body that is coded, in chunks': {
    method: 'POST',
    body: ZIPPED,
    headers: CODED,
    chunked: true,
    handler: async (request) => Response.json(gunzipSync(await request.arrayBuffer()).length),
  },
  'a part of a file': {
    headers: ['range', 'bytes=2-4'],
    handler: ({ headers }) =>
      new Response('234', {
        status: 206,
        headers: { 'content-range': 'bytes 2-4/10', 'content-type': 'a/b', 'x-range': headers.get('range')! },
      }),
  },
  'a whole file although a part was wanted': {
    headers: ['range', 'bytes=2-4'],
    handler: () =>
      new Response('0123456789', { headers: { 'accept-ranges': 'bytes', 'content-type': 'a/b' } }),
  },
  'a condition that holds': {
    headers: ['if-none-match', '"a"'],
    handler: ({ headers }) =>
      new Response(null, { status: 304, headers: { etag: headers.get('if-none-match')!, vary: 'accept' } }),
  },
  'a condition that the application does not look at': {
    headers: ['if-none-match', '"a"'],
    handler: () => new Response('x', { headers: { etag: '"a"', 'content-type': 'a/b' } }),
  },
};
