// The same requests in memory and over a socket: same responses, whatever carries the bytes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import type { Application } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { onCores } from './cores.js';
import { type Bench, bench, settled } from './kit.js';

interface Ask {
  readonly method?: string;
  readonly url: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
}

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

type Client = (ask: Ask) => Promise<Told>;

const JSON_TYPE = { 'content-type': 'application/json' };
const BIG = 'ü'.repeat(300_000);

function routes(app: Application): void {
  const Item = Type.Object({ name: Type.String({ minLength: 1 }), price: Type.Integer({ minimum: 0 }) });
  app.get('/json', () => ({ hello: 'wörld' }));
  app.get('/async', async () => {
    await settled();
    return 'later';
  });
  app.get('/empty', () => undefined);
  app.get('/big', () => BIG);
  app.get('/cookies', (ctx) => ctx.header('set-cookie', 'a=1').header('set-cookie', 'b=2').text(''));
  app.get('/framing', (ctx) =>
    ctx.header('Content-Length', '1').header('Connection', 'upgrade').text('whole'),
  );
  app.get('/item/:id', { params: Type.Object({ id: Type.Integer() }) }, (ctx) => ctx.input.params);
  app.get('/search', (ctx) => [ctx.query.get('q'), ctx.query.getAll('t')]);
  app.get('/echo/*', (ctx) => ctx.params['*']);
  app.get('/fails', async () => {
    throw new Error('no');
  });
  app.post('/items', { body: Item, response: { 201: Item } }, (ctx) => {
    ctx.status(201);
    return ctx.body;
  });
  app.post('/bytes', { bodyLimit: 2_000_000 }, (ctx) => ctx.readBytes());
  app.post('/late', async (ctx) => {
    await settled();
    await settled();
    return ctx.readText();
  });
  app.post('/twice', async (ctx) => (await ctx.readText()) + (await ctx.readText()));
  app.post('/again', async (ctx) => {
    const first = await ctx.readText();
    for await (const chunk of ctx.readStream()) return `${first} ${Buffer.from(chunk).toString()}`;
    return first;
  });
  app.post('/streamed', async (ctx) => {
    const stream = ctx.readStream();
    try {
      return await ctx.readText();
    } catch (error) {
      for await (const chunk of stream) return `${(error as Error).message}: ${chunk.length}`;
      return 'nothing';
    }
  });
  app.post('/mirror', { bodyLimit: 5_000_000 }, (ctx) => ctx.stream(ctx.readStream()));
  app.post('/mirror-late', { bodyLimit: 5_000_000 }, async (ctx) => {
    await sleep(1);
    return ctx.stream(
      (async function* () {
        await sleep(1);
        yield* ctx.readStream();
      })(),
    );
  });
  app.post('/sum', { bodyLimit: 5_000_000 }, async (ctx) => {
    let sum = 0;
    for await (const chunk of ctx.readStream()) for (const byte of chunk) sum += byte;
    return sum;
  });
  app.post('/form', async (ctx) => (await ctx.readForm()).getAll('a'));
  app.post('/upload', { bodyLimit: 2_000_000 }, async (ctx) => {
    const seen: [string, number][] = [];
    for await (const part of ctx.readParts({ maxFileBytes: 1_000_000 })) {
      if (part.kind === 'field') seen.push([part.name, part.value.length]);
      else {
        let length = 0;
        for await (const piece of part.content) length += piece.length;
        seen.push([part.filename, length]);
      }
    }
    return seen;
  });
  app.post('/ignored', () => 'did not look');
  app.post('/small', { bodyLimit: 10 }, (ctx) => ctx.readText());
  app.get('/stream', (ctx) =>
    ctx.stream(
      (async function* () {
        for (let i = 0; i < 50; i++) yield Buffer.alloc(20_000, i);
      })(),
    ),
  );
  app.get('/files/*', (ctx) => ctx.file(base, ctx.params['*']!, { compress: true }));
  app.get('/packed', { compress: true }, () => BIG);
  app.delete('/item/:id', () => undefined);
}

/** Folder with the files that are served. */
let base: string;

/** @param client called when the cases run */
function behaves(client: () => Client): void {
  const ask = (url: string, more: Omit<Ask, 'url'> = {}): Promise<Told> => client()({ url, ...more });
  const post = (url: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
    ask(url, { method: 'POST', body, headers });
  const problemOf = ({ status, headers, body }: Told): unknown[] => {
    const document = JSON.parse(body.toString()) as Record<string, unknown>;
    expect(headers['content-type']).to.equal('application/problem+json');
    expect(document).to.include({ status, instance: `urn:multilane:request:${headers['x-request-id']}` });
    expect(document.traceId).to.match(/^[0-9a-f]{32}$/);
    return [status, document.code];
  };

  before(() => {
    base = mkdtempSync(join(tmpdir(), 'multilane-conformance-'));
    writeFileSync(join(base, 'big.txt'), BIG);
  });
  after(() => rmSync(base, { recursive: true }));

  it('responds with JSON, its length, its type and an id', async () => {
    const { status, headers, body } = await ask('/json');
    expect([status, body.toString()]).to.deep.equal([200, '{"hello":"wörld"}']);
    expect(headers).to.include({ 'content-type': 'application/json', 'content-length': '18' });
    expect(headers['x-request-id']).to.match(/^[A-Za-z0-9._-]{1,64}$/);
  });

  it('responds after an await, without a body, with a large body, and in pieces', async () => {
    expect((await ask('/async')).body.toString()).to.equal('later');
    const empty = await ask('/empty');
    expect([empty.status, empty.headers['content-length'], empty.body.length]).to.deep.equal([
      204,
      undefined,
      0,
    ]);
    expect((await ask('/big')).body.toString()).to.equal(BIG);
    const stream = await ask('/stream');
    expect(stream.body.length).to.equal(1_000_000);
    expect(stream.body.every((byte, i) => byte === Math.floor(i / 20_000))).to.equal(true);
  });

  it('responds to HEAD as to GET, without the body', async () => {
    for (const [url, length] of [
      ['/json', '18'],
      ['/big', '600000'],
      ['/async', '5'],
      ['/stream', undefined],
    ] as const) {
      const { status, headers, body } = await ask(url, { method: 'HEAD' });
      expect([status, headers['content-length'], body.length], url).to.deep.equal([200, length, 0]);
    }
    expect((await ask('/nowhere', { method: 'HEAD' })).status).to.equal(404);
  });

  it('responds to OPTIONS and to a wrong method with Allow', async () => {
    const options = await ask('/item/1', { method: 'OPTIONS' });
    expect([options.status, options.headers.allow]).to.deep.equal([204, 'GET, HEAD, DELETE, OPTIONS']);
    const wrong = await ask('/item/1', { method: 'PUT' });
    expect(problemOf(wrong)).to.deep.equal([405, 'METHOD_NOT_ALLOWED']);
    expect(wrong.headers.allow).to.equal('GET, HEAD, DELETE, OPTIONS');
    expect(problemOf(await ask('/nowhere'))).to.deep.equal([404, 'ROUTE_NOT_FOUND']);
  });

  it('reads path and query', async () => {
    expect((await ask('/item/7')).body.toString()).to.equal('{"id":7}');
    expect(problemOf(await ask('/item/7x'))).to.deep.equal([422, 'VALIDATION_FAILED']);
    expect(problemOf(await ask('/echo/%zz'))).to.deep.equal([400, 'MALFORMED_REQUEST']);
    expect((await ask('/echo/a%2Fb/%C3%BC?x')).body.toString()).to.equal('a/b/ü');
    expect((await ask('/search?q=a+b%26&t=1&t=2')).body.toString()).to.equal('["a b&",["1","2"]]');
  });

  it('validates a JSON body', async () => {
    const created = await post('/items', '{"name":"a","price":1,"extra":true}', JSON_TYPE);
    expect([created.status, created.body.toString()]).to.deep.equal([201, '{"name":"a","price":1}']);
    for (const [body, type, expected] of [
      ['{"name":"","price":-1}', 'application/json', [422, 'VALIDATION_FAILED']],
      ['{"name":"a","price":"1"}', 'application/json', [422, 'VALIDATION_FAILED']],
      ['{', 'application/json', [400, 'MALFORMED_BODY']],
      ['', 'application/json', [400, 'MALFORMED_BODY']],
      ['{"__proto__":1}', 'application/json', [400, 'MALFORMED_BODY']],
      ['{}', 'text/plain', [415, 'UNSUPPORTED_MEDIA_TYPE']],
      ['{}', 'application/json; charset=latin1', [415, 'UNSUPPORTED_MEDIA_TYPE']],
      ['{}', 'application/vnd.x+json; charset=UTF-8', [422, 'VALIDATION_FAILED']],
    ] as const) {
      expect(problemOf(await post('/items', body, { 'content-type': type })), body).to.deep.equal(expected);
    }
    const errors = JSON.parse((await post('/items', '{}', JSON_TYPE)).body.toString()) as { errors: unknown };
    expect(errors.errors).to.deep.equal([
      { path: '/name', message: 'Expected required property' },
      { path: '/price', message: 'Expected required property' },
    ]);
  });

  it('reads bodies as bytes, text and stream, at once or later, and more than once', async () => {
    const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => i % 251));
    expect((await post('/bytes', bytes)).body.equals(bytes)).to.equal(true);
    expect((await post('/late', BIG)).body.toString()).to.equal(BIG);
    expect((await post('/twice', 'ab')).body.toString()).to.equal('abab');
    expect((await post('/again', 'ab')).body.toString()).to.equal('ab ab');
    expect((await post('/streamed', 'ab')).body.toString()).to.equal(
      'the body is read as a stream already: 2',
    );
    expect((await post('/bytes', '')).body.length).to.equal(0);
    const sum = bytes.reduce((a, b) => a + b, 0);
    expect((await post('/sum', bytes)).body.toString()).to.equal(String(sum));
    expect((await post('/ignored', 'x'.repeat(1000))).body.toString()).to.equal('did not look');
  });

  it('responds with the body while it reads it', async () => {
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251));
    for (const path of ['/mirror', '/mirror-late']) {
      expect((await post(path, bytes)).body.equals(bytes), path).to.equal(true);
      expect((await post(path, 'short')).body.toString(), path).to.equal('short');
      expect((await post(path, '')).body.toString(), path).to.equal('');
    }
  });

  it('reads forms and uploads', async () => {
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await post('/form', 'a=1&a=%C3%BC', type)).body.toString()).to.equal('["1","ü"]');
    expect(problemOf(await post('/form', 'a=1', JSON_TYPE))).to.deep.equal([415, 'UNSUPPORTED_MEDIA_TYPE']);
    const upload = async (bytes: number): Promise<Told> => {
      const form = new FormData();
      form.append('title', 'ü');
      form.append('file', new Blob([Buffer.alloc(bytes, 'x')]), 'x.bin');
      form.append('last', 'one');
      const request = new Request('http://x', { method: 'POST', body: form });
      const body = new Uint8Array(await request.arrayBuffer());
      return post('/upload', body, { 'content-type': request.headers.get('content-type')! });
    };
    expect(JSON.parse((await upload(1_000_000)).body.toString())).to.deep.equal([
      ['title', 1],
      ['x.bin', 1_000_000],
      ['last', 3],
    ]);
    expect(problemOf(await upload(1_000_001))).to.deep.equal([413, 'BODY_TOO_LARGE']);
    expect(problemOf(await post('/upload', 'x', JSON_TYPE))).to.deep.equal([415, 'UNSUPPORTED_MEDIA_TYPE']);
  });

  it('refuses a body over the limit before reading it, and one that is not UTF-8 text', async () => {
    expect(problemOf(await post('/small', 'x'.repeat(11)))).to.deep.equal([413, 'BODY_TOO_LARGE']);
    expect((await post('/small', 'x'.repeat(10))).status).to.equal(200);
    expect(problemOf(await post('/small', Uint8Array.of(0xff)))).to.deep.equal([400, 'MALFORMED_BODY']);
  });

  it('writes header fields as they were set, except those that frame the message', async () => {
    expect((await ask('/cookies')).headers['set-cookie']).to.equal('a=1\nb=2');
    const framing = await ask('/framing');
    expect([framing.headers['content-length'], framing.body.toString()]).to.deep.equal(['5', 'whole']);
    // The client does not keep its connection.
    expect(framing.headers.connection).to.be.oneOf([undefined, 'keep-alive', 'close']);
  });

  it('serves files whole, in parts, not again, and compressed', async () => {
    const whole = await ask('/files/big.txt');
    expect([whole.status, whole.headers['content-length'], whole.body.toString()]).to.deep.equal([
      200,
      '600000',
      BIG,
    ]);
    const head = await ask('/files/big.txt', { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body.length]).to.deep.equal([200, '600000', 0]);
    const part = await ask('/files/big.txt', { headers: { range: 'bytes=100001-300000' } });
    expect([part.status, part.headers['content-range']]).to.deep.equal([206, 'bytes 100001-300000/600000']);
    expect(part.body.equals(Buffer.from(BIG).subarray(100_001, 300_001))).to.equal(true);
    const again = await ask('/files/big.txt', { headers: { 'if-none-match': whole.headers.etag! } });
    expect([again.status, again.headers['content-length'], again.body.length]).to.deep.equal([
      304,
      undefined,
      0,
    ]);
    expect(problemOf(await ask('/files/big.txt', { headers: { range: 'bytes=600000-' } }))).to.deep.equal([
      416,
      'RANGE_NOT_SATISFIABLE',
    ]);
    expect(problemOf(await ask('/files/..%2fbig.txt'))).to.deep.equal([404, 'NOT_FOUND']);
    for (const url of ['/files/big.txt', '/packed']) {
      const packed = await ask(url, { headers: { 'accept-encoding': 'gzip' } });
      expect(packed.headers, url).to.include({ 'content-encoding': 'gzip', vary: 'accept-encoding' });
      expect(gunzipSync(packed.body).toString(), url).to.equal(BIG);
    }
  });

  it('reveals nothing about a failure of the server', async () => {
    expect(problemOf(await ask('/fails'))).to.deep.equal([500, 'INTERNAL']);
  });
}

describe('the pipeline in memory', () => {
  const { inject } = bench(routes);
  behaves(() => async (ask) => {
    const { status, headers, body } = await inject(ask);
    return { status, headers, body: Buffer.from(body) };
  });
});

onCores('the pipeline over a socket', (core) => {
  let world: Bench;
  let server: HttpServer;
  let port: number;

  before(async () => {
    world = bench(routes);
    server = core.serverOf(world.app);
    port = await server.listen(0, '127.0.0.1');
  });
  after(() => server.close());

  behaves(
    () =>
      ({ method = 'GET', url, headers = {}, body }) =>
        new Promise((resolve, reject) => {
          const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
          const options = { port, method, path: url, headers: { ...headers, ...length }, agent: false };
          const sent = httpRequest(options, (answer) => resolve(told(answer)));
          sent.on('error', reject);
          sent.end(body);
        }),
  );
});

async function told(answer: IncomingMessage): Promise<Told> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const headers = Object.entries(answer.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join('\n') : value,
  ]);
  return {
    status: answer.statusCode ?? 0,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: Buffer.concat(chunks),
  };
}
