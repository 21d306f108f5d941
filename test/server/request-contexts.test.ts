// The asynchronous context of a request: what code of one request runs within a storage (`run`) is seen by no
// other request, however its response ends, and whatever arrives before that. Storages that are entered for
// the rest of a request (`enterWith`) are in storages.test.ts.
import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtempSync, rmSync } from 'node:fs';
import type { RequestListener, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Application } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { makeCertificate, needsOpenssl, type TestCertificate } from '#test/support/certificate.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { bench } from './kit.js';

const LARGE = 'x'.repeat(300_000);
const REQUESTS = 40;

onCores('the context of a request', (core) => {
  const storage = new AsyncLocalStorage<string>();
  let folder: string;
  let certificate: TestCertificate;
  let servers: HttpServer[] = [];

  before(function () {
    needsOpenssl(this);
    folder = mkdtempSync(join(tmpdir(), 'multilane-contexts-'));
    certificate = makeCertificate(folder, 'server');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(() => {
    for (const server of servers) server.close();
    servers = [];
  });

  const within = <T>(run: () => T): T => storage.run('of the request before', run);
  const text = (body: string): Response => new Response(body);

  /** Handlers that end their responses in a storage. */
  const HANDLERS: Readonly<Record<string, (ctx: { text(body: string): unknown }) => unknown>> = {
    'at once': (ctx) => within(() => ctx.text('x')),
    'in a later tick': (ctx) =>
      within(async () => {
        await Promise.resolve();
        return ctx.text('x');
      }),
    'behind a timer': (ctx) =>
      within(async () => {
        await sleep(1);
        return ctx.text('x');
      }),
    'with a large body': (ctx) =>
      within(async () => {
        await sleep(1);
        return ctx.text(LARGE);
      }),
    'as a Response': () =>
      within(async () => {
        await sleep(1);
        return text('x');
      }),
    'by an exception': () =>
      within(async () => {
        await sleep(1);
        throw new Error('on purpose');
      }),
  };

  const APPLICATIONS: Readonly<Record<string, (response: ServerResponse) => void>> = {
    'at once': (response) => void response.end('x'),
    'in a later tick': (response) => process.nextTick(() => response.end('x')),
    'behind an immediate': (response) => void setImmediate(() => response.end('x')),
    'behind a timer': (response) => void setTimeout(() => response.end('x'), 1),
    'with a large body': (response) => void setTimeout(() => response.end(LARGE), 1),
    'in pieces': (response) => {
      response.write('x');
      setTimeout(() => {
        response.write('y');
        setTimeout(() => response.end('z'), 1);
      }, 1);
    },
  };

  async function urlOf(routes: (app: Application) => void, tls: boolean): Promise<string> {
    const world = bench(routes);
    await world.app.applications.prepared();
    const server = core.serverOf(world.app, tls ? { tls: certificate } : {});
    servers.push(server);
    return `${tls ? 'https' : 'http'}://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  }

  /** Alternates requests to the path with those that tell what they see in the storage. */
  async function seenBetween(url: string, path: string, isPipelined: boolean): Promise<Set<string>> {
    const wire = await Wire.open(url, certificate.ca);
    const request = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const seen = new Set<string>();
    for (let round = 0; round < REQUESTS; round++) {
      if (isPipelined) wire.write(request(path) + request('/seen'));
      else wire.write(request(path));
      expect((await wire.response())!.status).to.be.oneOf([200, 500]);
      if (!isPipelined) wire.write(request('/seen'));
      seen.add(String((await wire.response())!.body));
    }
    wire.destroy();
    return seen;
  }

  const seen = (): string => String(storage.getStore());
  const WAYS = [
    ['over TLS', true, false],
    ['over TCP', false, false],
    // uWebSockets.js ends a connection on which requests are pipelined behind one that is under way.
    ...(core.name === 'node' ? ([['when it was pipelined', false, true]] as const) : []),
  ] as const;

  for (const [way, tls, isPipelined] of WAYS) {
    for (const [how, handler] of Object.entries(HANDLERS))
      it(`has nothing of a handler that ended ${how}, ${way}`, async () => {
        const routes = (app: Application): void => {
          app.get('/before', handler as never);
          app.get('/seen', seen);
        };
        const url = await urlOf(routes, tls);
        expect(await seenBetween(url, '/before', isPipelined)).to.deep.equal(new Set(['undefined']));
      });
    if (core.name === 'node')
      for (const [how, end] of Object.entries(APPLICATIONS))
        it(`has nothing of an application that ended ${how}, ${way}`, async () => {
          const listener: RequestListener = ({ url }, response) => {
            if (url === '/seen') response.end(seen());
            else within(() => end(response));
          };
          const url = await urlOf((app) => app.mountNode('/', listener), tls);
          expect(await seenBetween(url, '/before', isPipelined)).to.deep.equal(new Set(['undefined']));
        });
  }
});
