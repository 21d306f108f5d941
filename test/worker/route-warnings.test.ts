import { expect } from 'chai';
import { defineService, FormatRegistry, Type } from '#src/index.js';
import { createTestApp } from '#src/testing.js';

const MIB = 1024 * 1024;
const MOST = 16 * MIB;
/** What one client may hold of it. */
const LARGEST = 7 * MIB;

describe('warnings about routes', () => {
  it('name a route whose body limit is larger than what one client may have buffered', async () => {
    const body = Type.Object({ name: Type.String() });
    const service = defineService({
      name: 'demo',
      routes(app) {
        app.post('/held', { body, bodyLimit: LARGEST }, () => null);
        app.post('/streamed', { bodyLimit: 100 * LARGEST }, () => null);
        app.group('/large', { bodyLimit: LARGEST + 1 }, (large) => {
          large.post('/:id', { body }, () => null);
          large.get('/:id', () => null);
        });
      },
    });
    const app = await createTestApp({ services: [service], settings: { maxBufferedBodyBytes: MOST } });
    try {
      const doubts = app.logs.map(({ msg }) => String(msg)).filter((msg) => msg.includes('bodyLimit'));
      expect(doubts).to.have.length(1);
      expect(doubts[0]).to.match(
        /^service demo, route POST \/large\/\{id\}: .*7340033 bytes.*503.*MAX_BUFFERED_BODY_BYTES/,
      );
    } finally {
      await app.close();
    }
  });

  it('name an internal route that other processes cannot reach', async () => {
    const service = defineService({
      name: 'demo',
      routes(app) {
        app.get('/open', () => null);
        app.get('/secret', { internal: true }, () => null);
        app.get('/hidden', { internal: true }, () => null);
      },
    });
    const shared = { registry: 'http://127.0.0.1:9', meshToken: undefined };
    for (const [settings, count] of [
      [shared, 1],
      [{ ...shared, registry: 'local' }, 0],
      [{ ...shared, meshToken: 'm'.repeat(32) }, 0],
    ] as const) {
      const app = await createTestApp({ services: [service], settings });
      try {
        const doubts = app.logs.map(({ msg }) => String(msg)).filter((msg) => msg.includes('MESH_TOKEN'));
        expect(doubts).to.have.length(count);
        for (const doubt of doubts)
          expect(doubt).to.match(/^service demo, route GET \/secret: .*404.*1 others.*MESH_TOKEN is not set/);
      } finally {
        await app.close();
      }
    }
  });

  it('say which paths an application mounted at / does not get, and the settings give them to it', async () => {
    const fetch = (request: Request): Response => new Response(`own ${new URL(request.url).pathname}`);
    const whole = defineService({ name: 'whole', fetch });
    const below = defineService({ name: 'below', routes: (app) => app.mount('/below', fetch) });
    const paths = ['/health', '/ready', '/docs', '/docs/intro', '/openapi.json'];
    const free = { healthPath: 'off', readyPath: false };
    for (const [services, settings, openapi, said] of [
      [[whole], {}, {}, 'GET /health, GET /ready, GET /openapi.json, GET /docs, GET /docs/*'],
      [[whole], free, {}, 'GET /openapi.json, GET /docs, GET /docs/*'],
      [[whole], free, false, ''],
      [[below], {}, {}, ''],
    ] as const) {
      const app = await createTestApp({ config: { services: [...services], openapi }, settings });
      try {
        const hidden = app.logs.flatMap(
          ({ msg }) => /the runtime serves (.*) itself/.exec(String(msg))?.[1] ?? [],
        );
        expect(hidden).to.deep.equal(said === '' ? [] : [said]);
        for (const url of paths) {
          const isOwn =
            services[0] === whole && !said.split(', ').includes(`GET ${url.replace('intro', '*')}`);
          const text = (await app.inject({ path: url })).text();
          expect(text === `own ${url}`, `${url} of ${said}`).to.equal(isOwn);
        }
      } finally {
        await app.close();
      }
    }
  });

  it('name a route with a format that no service has registered, when all are mounted', async () => {
    const query = Type.Object({
      own: Type.Optional(Type.String({ format: 'odd' })),
      late: Type.Optional(Type.String({ format: 'even' })),
    });
    const early = defineService({
      name: 'early',
      routes(app) {
        app.get('/early', { query }, () => null);
      },
    });
    const late = defineService({
      name: 'late',
      routes() {
        FormatRegistry.Set('even', (text) => text.length % 2 === 0);
      },
    });
    const app = await createTestApp({ services: [early, late] });
    try {
      const doubts = app.logs.map(({ msg }) => String(msg)).filter((msg) => msg.includes('format'));
      expect(doubts).to.have.length(1);
      expect(doubts[0]).to.match(
        /^service early, route GET \/early: the format "odd" is not known.*FormatRegistry/,
      );
    } finally {
      FormatRegistry.Delete('even');
      await app.close();
    }
  });
});
