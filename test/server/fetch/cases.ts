// Requests to a handler of the fetch standard, and what it responds. The same list is served by Multilane and
// by @hono/node-server, which has a `Request` and a `Response` of its own as well. What differs, and why, is
// in differences.ts.
import { Buffer } from 'node:buffer';
import { CODINGS } from './coded-cases.js';
import { HEADERS } from './header-cases.js';
import { OVERRIDDEN } from './overridden-cases.js';

export interface Case {
  readonly name: string;
  readonly method?: string;
  /** The path behind that of the case, with the query. @default '' */
  readonly path?: string;
  /** A flat list: name, value, name, value… */
  readonly headers?: readonly string[];
  readonly body?: string | Uint8Array;
  /** The body is sent in pieces without a length. @default false */
  readonly chunked?: boolean;
  readonly handler: (request: Request) => unknown;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const NON_UTF8 = Uint8Array.of(0x61, 0xff, 0xfe, 0x62);
const BIG = 'ü0123456789abcdef'.repeat(20_000);

/** A case whose response is what the handler has found in the request, as JSON. */
const found = (
  name: string,
  request: Omit<Case, 'name' | 'handler'>,
  find: (request: Request) => unknown,
): Case => ({ name, ...request, handler: async (arrived) => Response.json(await find(arrived)) });

const pathOf = (request: Request): string => {
  const { pathname, search } = new URL(request.url);
  return pathname.replace(/^\/\d+/, '') + search;
};

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const methods: readonly Case[] = [
  ...METHODS.map((method) => found(`method ${method}`, { method }, (request) => request.method)),
  ...METHODS.map((method) =>
    found(`method ${method}, no body`, { method }, async (request) => [
      await request.text(),
      request.bodyUsed,
    ]),
  ),
  ...['POST', 'PUT', 'PATCH', 'DELETE'].map((method) =>
    found(`method ${method} with a body`, { method, body: 'body' }, (request) => request.text()),
  ),
  ...['PROPFIND', 'PURGE', 'SEARCH', 'LINK'].map((method) =>
    found(`method ${method}, which few applications have`, { method, body: 'body' }, async (request) => [
      request.method,
      await request.text(),
    ]),
  ),
  {
    name: 'HEAD',
    method: 'HEAD',
    handler: ({ method }) => new Response(method, { headers: { 'x-method': method } }),
  },
  { name: 'HEAD, no body', method: 'HEAD', handler: () => new Response(null, { status: 404 }) },
];

const PATHS = [
  '',
  '/',
  '//',
  '/a//b',
  '/a/',
  '/%C3%BC',
  '/%c3%bc',
  '/a%20b',
  '/a+b',
  '/a%2Fb',
  '/a%2fb/c',
  '/%25',
  '/a;b=c',
  '/a:b@c',
  "/!$&'()*,=~-._",
  '/...',
  '/.a',
  '/a.',
  '/?',
  '/?a=1',
  '/?a=1&a=2&b=',
  '/?q=%C3%BC+x',
  '/?a=b=c&&',
  '/?a/b?c',
  '/?a=%ZZ',
  '/?\'"<>',
];
const urls: readonly Case[] = [
  ...PATHS.map((path) => found(`path ${path}`, { path }, pathOf)),
  found('host', { headers: ['host', 'Example.COM:8080'] }, ({ url }) => new URL(url).host),
  found(
    'host without its default port',
    { headers: ['host', 'example.com:80'] },
    ({ url }) => new URL(url).host,
  ),
  found('host that is an address', { headers: ['host', '[::1]:3000'] }, ({ url }) => new URL(url).host),
  found('origin', { headers: ['host', 'example.com'] }, ({ url }) => new URL(url).origin),
];

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  'one field': ['x-a', '1'],
  'a name in upper case': ['X-Upper', 'Value'],
  'a repeated field': ['x-a', '1', 'x-a', '2'],
  'an empty value': ['x-a', ''],
  'spaces around a value': ['x-a', '  b c  '],
  'several cookies': ['cookie', 'a=1', 'cookie', 'b=2'],
  'bytes of UTF-8': ['x-a', Buffer.from('caféteria').toString('latin1')],
  'an accept field': ['accept', 'text/html, */*;q=0.8'],
};
const NAMES = ['x-a', 'x-upper', 'cookie', 'accept'];
const fields: readonly Case[] = [
  ...Object.entries(FIELDS).flatMap(([name, headers]) => [
    found(`${name}, by get`, { headers }, (request) => NAMES.map((one) => request.headers.get(one))),
    found(`${name}, by has`, { headers }, (request) => NAMES.map((one) => request.headers.has(one))),
    found(`${name}, listed`, { headers }, (request) =>
      [...request.headers].filter(([one]) => NAMES.includes(one)),
    ),
  ]),
  ...['caf\xe9', Buffer.from('café').toString('latin1')].map((value) =>
    found(`the value ${value}`, { headers: ['x-a', value] }, (request) => [request.headers.get('x-a')]),
  ),
];

const READS: Readonly<Record<string, (request: Request) => Promise<unknown>>> = {
  text: (request) => request.text(),
  json: (request) => request.json(),
  arrayBuffer: async (request) =>
    Buffer.from(await request.arrayBuffer())
      .toString('hex')
      .slice(0, 64),
  blob: async (request) => {
    const blob = await request.blob();
    return [blob.type, blob.size];
  },
  'its stream': async (request) => (request.body === null ? null : sizeOf(request.body)),
};
const CONTENTS: Readonly<Record<string, string | Uint8Array>> = {
  'short text': '"tëxt"',
  JSON: '{"a":[1,2,{"b":null}]}',
  'a byte order mark': '\ufeff"x"',
  'bytes that are no UTF-8': NON_UTF8,
  'a large body': BIG,
};
const JSON_FIELD = ['content-type', 'application/json'];
const FORM_FIELD = ['content-type', 'application/x-www-form-urlencoded'];
const bodies: readonly Case[] = [
  ...Object.entries(CONTENTS).flatMap(([content, body]) =>
    Object.entries(READS).map(([read, by]) =>
      found(`${content}, read by ${read}`, { method: 'POST', body, headers: JSON_FIELD }, async (request) => {
        try {
          return [await by(request), request.bodyUsed];
        } catch (error) {
          return (error as Error).name;
        }
      }),
    ),
  ),
  ...Object.entries(READS).map(([read, by]) =>
    found(`a chunked body, read by ${read}`, { method: 'POST', body: '"chunks"', chunked: true }, by),
  ),
  found(
    'a form',
    { method: 'POST', body: 'a=1&b=%C3%BC', headers: ['content-type', 'application/x-www-form-urlencoded'] },
    async (request) => [...(await request.formData())],
  ),
  found(
    'an upload',
    {
      method: 'POST',
      body: '--b\r\ncontent-disposition: form-data; name="f"; filename="x"\r\n\r\nfile\r\n--b--\r\n',
      headers: ['content-type', 'multipart/form-data; boundary=b'],
    },
    async (request) => {
      const file = (await request.formData()).get('f') as File;
      return [file.name, await file.text()];
    },
  ),
  found('a body that is read twice', { method: 'POST', body: 'x' }, async (request) => {
    await request.text();
    return request.text().catch((error: Error) => error.name);
  }),
  found('a body that is not read', { method: 'POST', body: 'x' }, (request) => request.bodyUsed),
  found('a body that is too late', { method: 'POST', body: 'late' }, async (request) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return request.text();
  }),
  found('a clone', { method: 'POST', body: 'twice' }, async (request) => {
    const clone = request.clone();
    return [await clone.text(), await request.text(), clone.method, clone.url === request.url];
  }),
  found('a clone of a body that was read', { method: 'POST', body: 'x' }, async (request) => {
    await request.text();
    try {
      return request.clone().method;
    } catch (error) {
      return (error as Error).name;
    }
  }),
  found('a request made of it', { method: 'POST', body: 'x', headers: ['x-a', '1'] }, async (request) => {
    const copy = new Request(request, { headers: { 'x-b': '2' } });
    return [await copy.text(), copy.headers.get('x-a'), copy.headers.get('x-b'), request.bodyUsed];
  }),
  found(
    'a request with its members',
    { method: 'PUT', body: 'x', headers: ['x-a', '1'] },
    async (request) => {
      const copy = new Request('http://other/path', request);
      return [copy.url, copy.method, await copy.text(), copy.headers.get('x-a')];
    },
  ),
  found('its class', {}, (request) => [
    request instanceof Request,
    Object.prototype.toString.call(request),
    new Request(request) instanceof Request,
  ]),
  found(
    'a clone of changed fields',
    { method: 'POST', body: 'x', headers: ['x-a', '1', 'x-b', '2'] },
    (request) => {
      request.headers.delete('x-a');
      request.headers.set('x-b', 'changed');
      const clone = request.clone();
      request.headers.set('x-b', 'later');
      return [clone.headers.get('x-a'), clone.headers.get('x-b'), new Request(clone).headers.get('x-b')];
    },
  ),
  found('clones of which one is read by its stream', { method: 'POST', body: 'twice' }, async (request) => {
    const clone = request.clone();
    return [await sizeOf(clone.body!), await request.text()];
  }),
  found('headers made of its headers', { headers: ['x-a', '1'] }, (request) =>
    new Headers(request.headers).get('x-a'),
  ),
  found(
    'a clone of a body in a form',
    { method: 'POST', body: 'a=1', headers: FORM_FIELD },
    async (request) => {
      const clone = request.clone();
      return [[...(await clone.formData())], await (await request.blob()).text()];
    },
  ),
  found('a body after it was read', { method: 'POST', body: 'x' }, async (request) => {
    await request.text();
    const { body, bodyUsed } = request;
    return [body === null, bodyUsed, request.mode, request.redirect, typeof request.cache];
  }),
  found('its other members after its stream was read', { method: 'POST', body: 'x' }, async (request) => {
    for await (const _ of request.body!);
    return [request.mode, request.keepalive, request.referrer, request.bodyUsed];
  }),
  found('an empty body in chunks', { method: 'POST', body: '', chunked: true }, async (request) => {
    const clone = request.clone();
    return [await (await clone.blob()).text(), await request.text()];
  }),
  // Of a large body, some may not have arrived: then the connection is closed.
  found('a body that is cancelled', { method: 'POST', body: 'short' }, async (request) => {
    await request.body!.cancel();
    return request.bodyUsed;
  }),
  found('a body in two branches', { method: 'POST', body: BIG }, async (request) => {
    const [first, second] = request.body!.tee();
    return Promise.all([sizeOf(first), sizeOf(second)]);
  }),
  {
    name: 'a body that is sent back',
    method: 'POST',
    body: 'tëxt that is sent back',
    handler: (request) => new Response(request.body),
  },
  {
    name: 'a body that is sent back in pieces',
    method: 'POST',
    body: BIG,
    chunked: true,
    handler: ({ body }) => new Response(body!.pipeThrough(new TransformStream())),
  },
];

async function sizeOf(stream: ReadableStream<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const piece of stream) size += piece.length;
  return size;
}

const pieces = (...texts: readonly string[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const text of texts) controller.enqueue(encode(text));
      controller.close();
    },
  });
const late = (...texts: readonly string[]): ReadableStream<Uint8Array> => {
  const left = [...texts];
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setImmediate(resolve));
      const text = left.shift();
      if (text === undefined) controller.close();
      else controller.enqueue(encode(text));
    },
  });
};

const RESPONSES: Readonly<Record<string, () => Response | Promise<Response>>> = {
  'no body': () => new Response(),
  null: () => new Response(null),
  'an empty text': () => new Response(''),
  text: () => new Response('tëxt'),
  'a large text': () => new Response(BIG),
  bytes: () => new Response(encode('bytes')),
  'bytes that are changed later': () => {
    const bytes = encode('before');
    const response = new Response(bytes);
    bytes.fill(0);
    return response;
  },
  'a part of a buffer': () => new Response(encode('0123456789').subarray(2, 5)),
  'an ArrayBuffer': () => new Response(Uint8Array.from(encode('buffer')).buffer),
  'a DataView': () => new Response(new DataView(Uint8Array.from(encode('view')).buffer, 1)),
  'a Blob': () => new Response(new Blob(['blob'], { type: 'text/x-blob' })),
  'a Blob without a type': () => new Response(new Blob(['blob'])),
  'a query': () => new Response(new URLSearchParams({ a: 'ü', b: '1' })),
  'a number': () => new Response(7 as never),
  'a stream': () => new Response(pieces('a', 'b')),
  'a stream without pieces': () => new Response(pieces()),
  'a stream that is slow': () => new Response(late('a', 'b', 'c')),
  'a stream with a length': () => new Response(pieces('abc'), { headers: { 'content-length': '3' } }),
  'a stream through another': () =>
    new Response(late('ä', 'b').pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream())),
  'an own type': () => new Response('<p>', { headers: { 'content-type': 'text/html' } }),
  'an own type in upper case': () => new Response('<p>', { headers: { 'Content-Type': 'text/html' } }),
  'fields of a record': () => new Response('', { headers: { 'x-a': '1', 'X-B': ' 2 ' } }),
  'fields of a list': () =>
    new Response('', {
      headers: [
        ['x-a', '1'],
        ['x-a', '2'],
      ],
    }),
  'fields of Headers': () => new Response('', { headers: new Headers({ 'x-a': '1' }) }),
  'a field that is no text': () => new Response('', { headers: { 'x-a': 5 as never } }),
  'a field of Latin-1': () => new Response('', { headers: { 'x-a': 'caf\xe9' } }),
  cookies: () => {
    const headers = new Headers();
    headers.append('set-cookie', 'a=1; Path=/');
    headers.append('set-cookie', 'b=2; Expires=Wed, 01 Jan 2031 00:00:00 GMT');
    return new Response('', { headers });
  },
  'fields that are set later': () => {
    const response = new Response('', { headers: { 'x-a': '1' } });
    response.headers.set('x-a', '2');
    response.headers.append('x-b', '3');
    response.headers.delete('content-type');
    return response;
  },
  'fields that list others': () => {
    const response = new Response('x', { headers: { 'x-a': '1' } });
    const others = [
      ['content-type', 'text/x-other'],
      ['x-b', '2'],
    ];
    Object.defineProperty(response.headers, Symbol.iterator, { value: () => others[Symbol.iterator]() });
    return response;
  },
  'fields of a connection': () =>
    new Response('x', { headers: { connection: 'close', 'keep-alive': 'timeout=1', 'x-a': '1' } }),
  JSON: () => Response.json({ a: 'ü', b: [1] }),
  'JSON with an own type': () =>
    Response.json({ a: 1 }, { headers: { 'content-type': 'application/ld+json' } }),
  'JSON with a status': () => Response.json(null, { status: 201 }),
  'a redirect': () => Response.redirect('http://example.com/a?b=c', 302),
  'a redirect with a status': () => Response.redirect('http://example.com/', 308),
  'a clone': async () => {
    const response = new Response('twice', { headers: { 'x-a': '1' } });
    const clone = response.clone();
    return new Response(`${await response.text()} ${await clone.text()} ${clone.headers.get('x-a')}`);
  },
  'a clone of a stream': () => new Response(pieces('a', 'b')).clone(),
  'a body of another response': () => {
    const inner = new Response('inner', { status: 203, headers: { 'x-a': '1' } });
    return new Response(inner.body, inner);
  },
  'a status text': () => new Response('x', { status: 404, statusText: 'Gone Fishing' }),
  'what it says of itself': async () => {
    const response = new Response('x', { status: 201, headers: { 'x-a': '1' } });
    const { ok, status, statusText, type, url, redirected, bodyUsed } = response;
    const isOne = [
      response instanceof Response,
      Object.prototype.toString.call(response),
      response.constructor.name,
    ];
    return Response.json([
      ok,
      status,
      statusText,
      type,
      url,
      redirected,
      bodyUsed,
      isOne,
      await response.text(),
      response.bodyUsed,
    ]);
  },
  'fields of an iterator that ends': () =>
    new Response('x', {
      headers: new Map([
        ['set-cookie', 's=1'],
        ['x-a', ' padded '],
        ['x-b', 5 as never],
      ]).entries() as never,
    }),
  'fields that occur twice': () =>
    new Response('x', {
      headers: [
        ['content-type', 'text/html'],
        ['Content-Type', 'text/plain'],
        ['location', '/a'],
        ['location', '/b'],
      ],
    }),
  'options that are read once': () => {
    let reads = 0;
    const init = {
      get status() {
        return 200 + reads++;
      },
      headers: { 'x-a': ' padded ' },
    };
    const { status } = new Response('x', init);
    return Response.json([status, reads]);
  },
  'a class of bytes with an iterator of its own': () => {
    class Bytes extends Uint8Array<ArrayBuffer> {
      override *[Symbol.iterator](): ArrayIterator<number> {
        yield 120;
      }
    }
    const bytes = new Bytes(new ArrayBuffer(3));
    bytes.fill(97);
    return new Response(bytes);
  },
  'clones and what they keep': () => {
    const named = new Response('x', { status: 404, statusText: 'Gone Fishing' }).clone();
    const changed = new Response('x', { headers: { 'x-a': '1' } });
    changed.headers.set('x-a', '2');
    const first = changed.clone();
    changed.headers.set('x-a', '3');
    const second = changed.clone();
    const error = Response.error().clone();
    return Response.json([
      [named.status, named.statusText],
      [first.headers.get('x-a'), second.headers.get('x-a')],
      [error.status, error.type],
    ]);
  },
  'which of its members are listed': () => {
    const names: string[] = [];
    for (const name in new Response('x')) names.push(name);
    return Response.json(names.sort());
  },
  'what is refused': () => {
    const attempts: readonly (() => unknown)[] = [
      () => new Response('x', { status: 204 }),
      () => new Response('x', { status: 99 }),
      () => new Response('x', { status: 600 }),
      () => new Response('x', { status: 'no' as never }),
      () => new Response('x', { headers: { 'bad name': '1' } }),
      () => new Response('x', { headers: { 'x-a': 'a\nb' } }),
      () => new Response('x', { headers: { 'x-a': 'ü\u0100' } }),
      () => new Response('x', { headers: [['x-a']] as never }),
      () => new Response('x', 5 as never),
      () => new Response(new Uint8Array(new SharedArrayBuffer(1)) as never),
      () => Response.json(undefined as never, {}),
      () => Response.json(1n),
      () => Response.redirect('no url', 302),
      () => Response.redirect('http://a/', 200 as never),
    ];
    return Response.json(
      attempts.map((attempt) => {
        try {
          return String(attempt());
        } catch (error) {
          return (error as Error).name;
        }
      }),
    );
  },
  'a class of its own': () => {
    class Html extends Response {
      constructor(text: string) {
        super(text, { headers: { 'content-type': 'text/html' } });
      }
    }
    const html = new Html('<p>');
    html.headers.set(
      'x-a',
      String([html instanceof Html, html instanceof Response, new Response() instanceof Html]),
    );
    return html;
  },
};

export const STATUSES = [
  200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 409, 410,
  418, 422, 429, 451, 500, 501, 503, 599,
];
export const BODILESS = [204, 205, 304];
const responses: readonly Case[] = [
  ...Object.entries({ ...RESPONSES, ...OVERRIDDEN }).flatMap(([name, handler]): Case[] => [
    { name: `a response: ${name}`, handler },
    { name: `HEAD of a response: ${name}`, method: 'HEAD', handler },
  ]),
  ...STATUSES.map((status): Case => {
    const isBodiless = BODILESS.includes(status);
    return { name: `status ${status}`, handler: () => new Response(isBodiless ? null : 'x', { status }) };
  }),
  ...[204, 304, 404].map(
    (status): Case => ({
      name: `HEAD with status ${status}`,
      method: 'HEAD',
      handler: () => new Response(null, { status }),
    }),
  ),
];

const FAILURES: Readonly<Record<string, () => unknown>> = {
  'an exception': () => {
    throw new Error('no');
  },
  'a rejection': () => Promise.reject(new Error('no')),
  'an exception that is no error': () => {
    throw 'no'; // oxlint-disable-line
  },
  'no response': () => undefined,
  'an object that is no response': () => ({ status: 200 }),
  'Response.error()': () => Response.error(),
  'a response whose body was read': async () => {
    const response = new Response('x');
    await response.text();
    return response;
  },
  'a stream that is locked': () => {
    const stream = pieces('x');
    const response = new Response(stream);
    stream.getReader();
    return response;
  },
};
const failures: readonly Case[] = Object.entries(FAILURES).map(
  ([name, handler]): Case => ({ name: `a failure: ${name}`, handler }),
);

const codings: readonly Case[] = Object.entries(CODINGS).map(([name, one]) => ({ name, ...one }));
const headers: readonly Case[] = Object.entries(HEADERS).map(([name, find]) =>
  found(`Headers: ${name}`, { headers: ['x-a', '1', 'x-b', '2', 'cookie', 'c=1'] }, find),
);

export const CASES: readonly Case[] = [
  ...methods,
  ...urls,
  ...fields,
  ...bodies,
  ...responses,
  ...codings,
  ...headers,
  ...failures,
];
