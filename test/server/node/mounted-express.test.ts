// Applications of Express 5, mounted as they are: its routers, its middleware and what it makes of the URL.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { currentScope } from '#src/scope.js';
import type { NodeHandler } from '#src/server/handler.js';
import { latch, ManualTicker } from '../kit.js';
import { useNodeServers } from './mounted-kit.js';

interface Request extends IncomingMessage {
  readonly body: Record<string, unknown>;
  readonly params: Record<string, string>;
  readonly baseUrl: string;
  readonly originalUrl: string;
  readonly file: { readonly buffer: Buffer; readonly originalname: string };
  readonly session: Record<string, number | undefined>;
  readonly ip: string;
}
interface Reply extends ServerResponse {
  json(value: unknown): Reply;
  send(value: unknown): Reply;
  status(code: number): Reply;
  type(name: string): Reply;
  redirect(to: string): void;
  cookie(name: string, value: string): Reply;
  download(path: string): void;
}
type Next = (error?: unknown) => void;
type Middleware = (req: Request, res: Reply, next: Next) => unknown;
type ErrorMiddleware = (error: Error, req: Request, res: Reply, next: Next) => unknown;
interface Express extends NodeHandler {
  use(...handlers: (string | Middleware | ErrorMiddleware)[]): Express;
  get(path: string, ...handlers: Middleware[]): Express;
  post(path: string, ...handlers: Middleware[]): Express;
  set(name: string, value: unknown): Express;
}
interface ExpressModule {
  (): Express;
  Router(): Express;
  json(): Middleware;
  urlencoded(options: object): Middleware;
  static(folder: string): Middleware;
}
/** The packages have no types of their own. */
const require = createRequire(import.meta.url);
const express = require('express') as ExpressModule;
const session = require('express-session') as (options: object) => Middleware;
const multer = require('multer') as () => { single(field: string): Middleware };

describe('a mounted application of Express', () => {
  const serve = useNodeServers();
  const serving = async (fill: (app: Express) => void, options: object = {}) => {
    const application = express();
    fill(application);
    return serve((app) => app.mountNode('/old', options, application));
  };
  const post = (body: NonNullable<RequestInit['body']>, type?: string): RequestInit => ({
    method: 'POST',
    body,
    ...(type !== undefined && { headers: { 'content-type': type } }),
  });

  it('has its routers, and the URL as within another application', async () => {
    const { fetch } = await serving((app) => {
      const router = express.Router();
      router.get('/:id', ({ url, baseUrl, originalUrl, params }, res) =>
        res.json([url, baseUrl, originalUrl, params.id]),
      );
      app.use('/users', router as unknown as Middleware);
    });
    const response = await fetch('/old/users/7?x=1');
    expect(await response.json()).to.deep.equal(['/7?x=1', '/old/users', '/old/users/7?x=1', '7']);
    expect(response.headers.get('x-powered-by')).to.equal('Express');
    const missing = await fetch('/old/none');
    expect([missing.status, await missing.text()]).to.satisfy(
      ([status, text]: [number, string]) => status === 404 && text.includes('Cannot GET /old/none'),
    );
  });

  it('redirects to where it says', async () => {
    const { fetch } = await serving((app) => {
      app.get('/to', ({ baseUrl }, res) => res.redirect(`${baseUrl}/x`));
      app.get('/relative', (_req, res) => res.redirect('x'));
    });
    for (const [path, location] of [
      ['/old/to', '/old/x'],
      ['/old/relative', 'x'],
    ] as const) {
      const response = await fetch(path, { redirect: 'manual' });
      expect([response.status, response.headers.get('location')]).to.deep.equal([302, location]);
    }
  });

  it('reads bodies by its own parsers, in the scope of the request', async () => {
    const { fetch } = await serving((app) => {
      app.use(express.json(), express.urlencoded({ extended: false }));
      app.post('/', ({ body }, res) => res.json([body, currentScope()?.requestId]));
    });
    const headers = { 'content-type': 'application/json', 'x-request-id': 'r-1' };
    const json = await fetch('/old', { method: 'POST', body: '{"a":1}', headers });
    expect(await json.json()).to.deep.equal([{ a: 1 }, 'r-1']);
    const form = await fetch('/old', post(new URLSearchParams({ b: '2' })));
    expect(((await form.json()) as unknown[])[0]).to.deep.equal({ b: '2' });
    expect((await fetch('/old', post('{', 'application/json'))).status).to.equal(400);
    const large = await fetch('/old', post(JSON.stringify('x'.repeat(200_000)), 'application/json'));
    expect(large.status).to.equal(413); // the limit of express.json()
  });

  it('takes uploads by multer, in the scope of the request', async () => {
    const { fetch } = await serving((app) => {
      app.post('/', multer().single('file'), ({ file }, res) =>
        res.json([file.originalname, file.buffer.length, currentScope()?.requestId]),
      );
    });
    const form = new FormData();
    form.append('file', new Blob(['x'.repeat(300_000)]), 'a.txt');
    const response = await fetch('/old', { method: 'POST', body: form, headers: { 'x-request-id': 'r-2' } });
    expect(await response.json()).to.deep.equal(['a.txt', 300_000, 'r-2']);
  });

  it('has sessions', async () => {
    const { fetch } = await serving((app) => {
      app.use(session({ secret: 's', resave: false, saveUninitialized: true }));
      app.get('/', ({ session: visits }, res) => {
        visits.count = (visits.count ?? 0) + 1;
        res.json(visits.count);
      });
    });
    const first = await fetch('/old');
    const [cookie = ''] = first.headers.getSetCookie();
    const headers = { cookie: cookie.split(';')[0]! };
    expect(await first.json()).to.equal(1);
    expect(await (await fetch('/old', { headers })).json()).to.equal(2);
  });

  it('adds its cookies to those of hooks', async () => {
    const application = express().get('/', (_req, res) => res.cookie('own', '1').send('x'));
    const { fetch } = await serve((app) => {
      app.hook('onRequest', (ctx) => void ctx.cookie('hook', '1'));
      app.mountNode('/', application);
    });
    const names = (await fetch('/')).headers.getSetCookie().map((cookie) => cookie.split('=')[0]);
    expect(names).to.deep.equal(['hook', 'own']);
  });

  describe('with static files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'multilane-'));
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'a.txt'), 'x'.repeat(200_000));
    writeFileSync(join(folder, 'sub/index.html'), '<p>');
    after(() => rmSync(folder, { recursive: true, force: true }));
    const files = (): ReturnType<typeof serving> => serving((app) => app.use(express.static(folder)));

    it('sends them, parts of them, and 304', async () => {
      const { fetch, wire } = await files();
      const whole = await fetch('/old/a.txt');
      expect((await whole.text()).length).to.equal(200_000);
      const part = await fetch('/old/a.txt', { headers: { range: 'bytes=0-2' } });
      expect([part.status, await part.text()]).to.deep.equal([206, 'xxx']);
      const etag = whole.headers.get('etag')!;
      const client = await wire();
      const known = await client.request('GET', '/old/a.txt', [`If-None-Match: ${etag}`]);
      expect(known).to.include({ status: 304, closes: false });
      expect((await client.request('HEAD', '/old/a.txt'))?.headers['content-length']).to.equal('200000');
      client.destroy();
    });

    it('redirects to the slash behind a folder, with the prefix', async () => {
      const { fetch } = await files();
      const response = await fetch('/old/sub?x=1', { redirect: 'manual' });
      expect([response.status, response.headers.get('location')]).to.deep.equal([301, '/old/sub/?x=1']);
      expect(await (await fetch('/old/sub/')).text()).to.equal('<p>');
    });
  });

  it('has its own error handlers', async () => {
    const { fetch, observer } = await serving((app) => {
      app.get('/throws', () => {
        throw new Error('sync');
      });
      app.get('/rejects', async () => Promise.reject(new Error('async')));
      app.use((error: Error, _req: Request, res: Reply, _next: Next) => res.status(418).send(error.message));
    });
    for (const [path, text] of [
      ['/old/throws', 'sync'],
      ['/old/rejects', 'async'],
    ] as const) {
      const response = await fetch(path);
      expect([response.status, await response.text()]).to.deep.equal([418, text]);
    }
    await observer.ended(2);
    expect(observer.seen.map(({ status }) => status)).to.deep.equal([418, 418]);
  });

  it('may respond behind its deadline', async () => {
    const ticker = new ManualTicker();
    const [called, passed, responded] = [latch(), latch(), latch()];
    const application = express()
      .use(session({ secret: 's', resave: true, saveUninitialized: true }))
      .get('/', async (_req, res) => {
        called.open();
        await passed.opened;
        res.cookie('late', '1').status(200).json({ late: true });
        responded.open();
      });
    const { fetch, logs } = await serve((app) => app.mountNode('/', { timeoutMs: 1000 }, application), {
      ticker,
    });
    const asked = fetch('/');
    await called.opened;
    ticker.advance(2000);
    expect((await asked).status).to.equal(504);
    passed.open();
    await responded.opened;
    expect((await fetch('/none')).status).to.equal(404);
    expect(JSON.stringify(logs)).not.to.include('failed');
  });
});
