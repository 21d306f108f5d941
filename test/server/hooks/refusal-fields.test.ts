import { expect } from 'chai';
import { cors } from '#src/server/hooks/cors.js';
import { securityHeaders } from '#src/server/hooks/security-headers.js';
import { bench, latch } from '../kit.js';

const APP = 'https://app.example.org';
const SHOWN = { 'access-control-allow-origin': APP, 'x-content-type-options': 'nosniff' };

describe('a response that no hook has seen', () => {
  const asked: string[] = [];
  const finish = latch();
  const { app, inject, world } = bench(
    (demo) => {
      demo.hook('onRequest', securityHeaders());
      demo.hook('onRequest', cors({ origins: [APP] }));
      demo.hook('onRequest', (ctx) => void asked.push(ctx.path));
      demo.post('/a', { bodyLimit: 3 }, () => 'a');
      demo.get('/few', { maxConcurrent: 1 }, () => finish.opened);
      demo.group('/open', { onRequest: cors({ origins: '*' }) }, (open) => open.post('/b', () => 'b'));
    },
    { rateLimit: null },
  );
  app.mount('late', (late) => late.get('/late', () => 'late'), { isReady: () => false });
  const headers = { origin: APP };
  beforeEach(() => {
    asked.length = 0;
  });

  for (const [what, request, status] of [
    ['no route', { url: '/nowhere' }, 404],
    ['another method', { method: 'DELETE', url: '/a' }, 405],
    ['an unknown method', { method: 'BREW', url: '/a' }, 501],
    ['a body over the limit', { method: 'POST', url: '/a', body: Buffer.from('abcd') }, 413],
  ] as const) {
    it(`has the fields of cors and securityHeaders: ${what}`, async () => {
      const answer = await inject({ ...request, headers });
      expect(answer.status).to.equal(status);
      expect(answer.headers).to.include(SHOWN);
      expect(asked, 'other hooks').to.deep.equal([]);
    });
  }

  it('has them when there is no permit for the request', async () => {
    world.permits = 0;
    const answer = await inject({ method: 'POST', url: '/a', headers });
    world.permits = Number.POSITIVE_INFINITY;
    expect([answer.status, answer.json().code]).to.deep.equal([503, 'OVERLOADED']);
    expect(answer.headers).to.include(SHOWN);
  });

  it('has them when the bulkhead of the route is full', async () => {
    const first = inject({ url: '/few', headers });
    const answer = await inject({ url: '/few', headers });
    expect([answer.status, answer.json().code]).to.deep.equal([503, 'OVERLOADED']);
    expect(answer.headers).to.include(SHOWN);
    finish.open();
    await first;
  });

  it('has those of the group of its path, and none for a service without them', async () => {
    const grouped = await inject({ method: 'GET', url: '/open/b', headers });
    expect([grouped.status, grouped.headers['access-control-allow-origin']]).to.deep.equal([405, '*']);
    const starting = await inject({ url: '/late', headers });
    expect([starting.status, starting.headers['access-control-allow-origin']]).to.deep.equal([
      503,
      undefined,
    ]);
  });

  it('allows no origin that is not listed', async () => {
    const { headers: said } = await inject({ url: '/nowhere', headers: { origin: 'https://evil.example' } });
    expect(said).to.not.have.property('access-control-allow-origin');
    expect(said.vary).to.equal('origin');
  });
});
