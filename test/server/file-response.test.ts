import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { canLimitFiles, withoutFiles } from '#test/support/open-files.js';
import { type Answer, type Bench, bench } from './kit.js';

const TEXT = 'All human beings are born free. '.repeat(100);
const OLD = new Date(Date.UTC(2020, 0, 1, 12, 0, 0, 500));

describe('a file', () => {
  let base: string;
  let world: Bench;
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> =>
    world.inject({ method, url: path, headers });

  before(() => {
    base = mkdtempSync(join(tmpdir(), 'multilane-file-'));
    const put = (path: string, content: string | Uint8Array): void => {
      mkdirSync(join(base, path, '..'), { recursive: true });
      writeFileSync(join(base, path), content);
      utimesSync(join(base, path), OLD, OLD);
    };
    put('public/index.html', '<p>');
    put('public/sub/index.html', '<p>sub');
    put('public/a.txt', 'hello');
    put('public/text.txt', TEXT);
    put('public/ready.js', 'plain '.repeat(500));
    put('public/ready.js.gz', 'not really gzip');
    put('public/data.bin', Buffer.alloc(200_000, 7));
    put('public/empty.css', '');
    put('public/with space.svg', '<svg/>');
    put('public/.env', 'SECRET');
    put('public/.well/known.txt', 'SECRET');
    put('secret.txt', 'SECRET');
    put('public2/x.txt', 'SECRET');
    symlinkSync('../secret.txt', join(base, 'public/link.txt'));
    symlinkSync('..', join(base, 'public/up'));
    symlinkSync('.env', join(base, 'public/visible.txt'));
    symlinkSync('a.txt', join(base, 'public/alias.txt'));
    symlinkSync('loop', join(base, 'public/loop'));
    symlinkSync('public', join(base, 'current'));
    execFileSync('mkfifo', [join(base, 'public/pipe')]);

    world = bench(
      (app) => {
        app.get('/f/*', (ctx) => ctx.file('./public', ctx.params['*']!));
        app.get('/current/*', (ctx) => ctx.file('current', ctx.params['*']!));
        app.get('/site/*', (ctx) => ctx.file('public', ctx.params['*']!, { index: 'index.html' }));
        app.get('/c/*', (ctx) => ctx.file('public', ctx.params['*']!, { compress: true }));
        app.get('/p/*', (ctx) =>
          ctx.file('public', ctx.params['*']!, { compress: true, precompressed: true }),
        );
        app.get('/gone/*', (ctx) => ctx.file('nowhere', ctx.params['*']!));
        app.put('/f/*', (ctx) => ctx.file('public', ctx.params['*']!));
      },
      { configFile: join(base, 'multilane.config.js') },
    );
  });
  after(() => rmSync(base, { recursive: true }));

  it('is sent with its type, length, tag and date', async () => {
    const { status, headers, text } = await get('/f/a.txt');
    expect([status, text()]).to.deep.equal([200, 'hello']);
    expect(headers).to.include({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': '5',
      'last-modified': 'Wed, 01 Jan 2020 12:00:00 GMT',
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
    });
    expect(headers.etag).to.match(/^"[\w-]+"$/);
    expect((await get('/f/with%20space.svg')).headers['content-type']).to.equal('image/svg+xml');
    expect((await get('/f/data.bin')).headers['content-type']).to.equal('application/octet-stream');
    expect((await get('/f/data.bin')).body.length).to.equal(200_000);
    expect((await get('/f/alias.txt')).text()).to.equal('hello');
    expect((await get('/current/a.txt')).text()).to.equal('hello');
  });

  it('is 503 while the process has no file descriptor for it', async function () {
    if (!canLimitFiles()) this.skip();
    // This file has not been read before: one in memory needs no descriptor.
    const { status, headers } = await withoutFiles(() => get('/f/sub/index.html'));
    expect(status).to.equal(503);
    expect(headers['retry-after']).to.equal('1');
    expect((await get('/f/sub/index.html')).text()).to.equal('<p>sub');
  });

  for (const path of [
    '',
    'sub',
    'sub/',
    'nothing.txt',
    'a.txt/',
    'a.txt/x',
    '.env',
    '.well/known.txt',
    '%2eenv',
    '../secret.txt',
    '..%2fsecret.txt',
    '%2e%2e%2fsecret.txt',
    'sub/../../secret.txt',
    'sub/..%5c..%5csecret.txt',
    '../public2/x.txt',
    '..%2fpublic2/x.txt',
    'up/secret.txt',
    'link.txt',
    'visible.txt',
    'loop',
    'pipe',
    'a.txt%00.html',
    '/etc/passwd',
    '%2fetc%2fpasswd',
    'x'.repeat(5000),
  ]) {
    it(`is not found as ${JSON.stringify(path.slice(0, 40))}`, async () => {
      const { status, json, text } = await get(`/f/${path}`);
      expect([status, json().code]).to.deep.equal([404, 'NOT_FOUND']);
      expect(text()).to.not.include('SECRET');
    });
  }

  it('may be the index of a folder', async () => {
    expect((await get('/site/')).text()).to.equal('<p>');
    expect((await get('/site/sub/')).text()).to.equal('<p>sub');
    expect((await get('/site/sub')).status).to.equal(404);
  });

  it('below a root that does not exist is a 500', async () => {
    expect((await get('/gone/a.txt')).status).to.equal(500);
  });

  it('is sent for HEAD as for GET, without its content', async () => {
    for (const [path, length] of Object.entries({ 'a.txt': '5', 'data.bin': '200000', 'empty.css': '0' })) {
      const { status, headers, body } = await get(`/f/${path}`, {}, 'HEAD');
      expect([status, headers['content-length'], body.length], path).to.deep.equal([200, length, 0]);
    }
  });

  it('is not sent again to a client that has it', async () => {
    const { headers } = await get('/f/a.txt');
    for (const fields of [
      { 'if-none-match': headers.etag! },
      { 'if-modified-since': headers['last-modified']! },
    ]) {
      const again = await get('/f/a.txt', fields);
      expect([again.status, again.headers.etag, again.text()]).to.deep.equal([304, headers.etag, '']);
      expect(again.headers).to.not.have.property('content-type');
      expect(again.headers).to.not.have.property('content-length');
    }
    const failed = await get('/f/a.txt', { 'if-match': '"other"' });
    expect([failed.status, failed.json().code]).to.deep.equal([412, 'PRECONDITION_FAILED']);
    expect(failed.headers).to.not.have.property('etag');
  });

  it('that has just changed has a weak tag, because the next change may have the same date', async () => {
    writeFileSync(join(base, 'public/fresh.txt'), 'x');
    expect((await get('/f/fresh.txt')).headers.etag).to.match(/^W\/"/);
  });

  it('is sent in ranges', async () => {
    const part = await get('/f/a.txt', { range: 'bytes=1-3' });
    expect([part.status, part.text()]).to.deep.equal([206, 'ell']);
    expect(part.headers).to.include({ 'content-range': 'bytes 1-3/5', 'content-length': '3' });
    const large = await get('/f/data.bin', { range: 'bytes=50000-' });
    expect([large.status, large.body.length]).to.deep.equal([206, 150_000]);
    const { etag = '' } = part.headers;
    expect((await get('/f/a.txt', { range: 'bytes=1-3', 'if-range': etag })).status).to.equal(206);
    expect((await get('/f/a.txt', { range: 'bytes=1-3', 'if-range': '"old"' })).text()).to.equal('hello');
    const beyond = await get('/f/a.txt', { range: 'bytes=5-' });
    expect([beyond.status, beyond.json().code]).to.deep.equal([416, 'RANGE_NOT_SATISFIABLE']);
    expect(beyond.headers['content-range']).to.equal('bytes */5');
  });

  it('is compressed for clients that accept it, where it saves bytes', async () => {
    const br = await get('/c/text.txt', { 'accept-encoding': 'gzip, br' });
    expect(br.headers).to.include({ 'content-encoding': 'br', vary: 'accept-encoding' });
    expect(br.headers.etag).to.match(/^W\/"[\w-]+-br"$/);
    expect(brotliDecompressSync(br.body).toString()).to.equal(TEXT);
    const gzip = await get('/c/text.txt', { 'accept-encoding': 'gzip' });
    expect(gunzipSync(gzip.body).toString()).to.equal(TEXT);
    const again = await get('/c/text.txt', {
      'accept-encoding': 'gzip',
      'if-none-match': gzip.headers.etag!,
    });
    expect(again.status).to.equal(304);

    const plain = await get('/c/text.txt');
    expect([plain.headers['content-encoding'], plain.headers.vary]).to.deep.equal([
      undefined,
      'accept-encoding',
    ]);
    const small = await get('/c/a.txt', { 'accept-encoding': 'br' });
    expect([small.headers['content-encoding'], small.text()]).to.deep.equal([undefined, 'hello']);
    const binary = await get('/c/data.bin', { 'accept-encoding': 'br' });
    expect([binary.headers['content-encoding'], binary.headers.vary]).to.deep.equal([undefined, undefined]);
    const part = await get('/c/text.txt', { 'accept-encoding': 'br', range: 'bytes=0-2' });
    expect([part.status, part.text()]).to.deep.equal([206, 'All']);
    const head = await get('/c/text.txt', { 'accept-encoding': 'br' }, 'HEAD');
    expect([head.headers['content-encoding'], head.headers['content-length']]).to.deep.equal([
      'br',
      undefined,
    ]);
  });

  it('is sent from the compressed file beside it when there is one', async () => {
    const ready = await get('/p/ready.js', { 'accept-encoding': 'br, gzip' });
    expect([ready.headers['content-encoding'], ready.text()]).to.deep.equal(['gzip', 'not really gzip']);
    expect(ready.headers['content-type']).to.equal('text/javascript; charset=utf-8');
    expect(ready.headers.etag).to.match(/^"[\w-]+-gzip"$/);
    expect((await get('/p/text.txt', { 'accept-encoding': 'gzip' })).headers['content-encoding']).to.equal(
      'gzip',
    );
  });
});

describe('compression of responses', () => {
  const { inject, observer } = bench((app) => {
    app.group('/c', { compress: true }, (c) => {
      c.get('/json', () => ({ text: TEXT }));
      c.get('/small', () => ({ text: 'x' }));
      c.get('/tagged', (ctx) => ctx.header('etag', '"a"').header('vary', 'origin').text(TEXT));
      c.get('/coded', (ctx) => ctx.header('content-encoding', 'x').text(TEXT));
      c.get('/bytes', (ctx) => ctx.bytes(Buffer.from(TEXT)));
      c.get('/none', (ctx) => ctx.status(204).text(TEXT));
      c.get('/fails', () => {
        throw new Error(TEXT);
      });
      c.get('/stream', (ctx) =>
        ctx.stream(
          (async function* () {
            for (let i = 0; i < 100; i++) yield 'All human beings are born free. ';
          })(),
          'text/plain',
        ),
      );
    });
    app.get('/plain', () => ({ text: TEXT }));
  });
  const get = (url: string, method = 'GET') =>
    inject({ method, url, headers: { 'accept-encoding': 'gzip' } });

  it('needs a route that opts in, and a client that accepts it', async () => {
    const { status, headers, body } = await get('/c/json');
    expect(status).to.equal(200);
    expect(headers).to.include({
      'content-encoding': 'gzip',
      'content-type': 'application/json',
      vary: 'accept-encoding',
      'content-length': String(body.length),
    });
    expect(JSON.parse(gunzipSync(body).toString())).to.deep.equal({ text: TEXT });
    expect((await get('/plain')).headers).to.not.have.any.keys('content-encoding', 'vary');
    const plain = await inject({ url: '/c/json' });
    expect(plain.headers).to.include({ vary: 'accept-encoding' }).and.not.have.property('content-encoding');
    expect((await get('/c/json', 'HEAD')).headers).to.include({ 'content-length': String(body.length) });
  });

  it('leaves responses unchanged that are small, not text, already coded, without a body, or problem documents', async () => {
    for (const url of ['/c/small', '/c/bytes', '/c/none', '/c/fails']) {
      expect((await get(url)).headers, url).to.not.have.property('content-encoding');
    }
    expect((await get('/c/coded')).headers['content-encoding']).to.equal('x');
  });

  it('makes a strong tag weak and adds to Vary', async () => {
    expect((await get('/c/tagged')).headers).to.include({ etag: 'W/"a"', vary: 'origin, accept-encoding' });
  });

  it('applies to streams as well', async () => {
    const { headers, body } = await get('/c/stream');
    expect(headers['content-encoding']).to.equal('gzip');
    expect(gunzipSync(body).toString()).to.equal(TEXT);
    expect((await get('/c/stream', 'HEAD')).headers['content-encoding']).to.equal('gzip');
  });

  it('counts every response once', async () => {
    const before = observer.seen.length;
    await get('/c/json');
    expect(observer.seen.slice(before).map(({ status }) => status)).to.deep.equal([200]);
  });
});
