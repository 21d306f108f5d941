import { expect } from 'chai';
import fc from 'fast-check';
import { meshTokens } from '#src/mesh-token.js';
import { parseRate } from '#src/rate.js';
import { type Bench, bench } from './kit.js';

const SECRET = '0123456789abcdef0123456789abcdef';
const tokenFor = meshTokens(SECRET);
const MOUNTED = ['demo', 'other'] as const;

/** Two services in one process, each with a route of every kind. */
function twoServices(settings: Parameters<typeof bench>[1] = {}): Bench {
  const world = bench((app) => app.get('/demo/open', () => 'open'), { meshToken: SECRET, ...settings });
  world.app.mount('demo', (app) => app.get('/demo/internal', { internal: true }, () => 'demo'));
  world.app.mount('other', (app) => {
    app.get('/other/open', () => 'open');
    app.get('/other/internal', { internal: true }, () => 'other');
  });
  return world;
}

let addresses = 0;
/** An address from which no wrong value has come yet. */
const freshAddress = (): string => `10.0.${addresses >> 8}.${addresses++ & 255}`;

describe('the mesh token of a service', () => {
  it('is the name of the service and the HMAC-SHA-256 of that name in hexadecimal', () => {
    expect(tokenFor('demo')).to.equal(
      'demo.f9d29f1e357cbd66ee4cd6978abb16ce62e170a0cfb2cbe6646489ae8d678589',
    );
  });

  const anyValue = fc.oneof(
    fc.constantFrom(...MOUNTED, 'third').map(tokenFor),
    fc.constantFrom(SECRET, `demo.${SECRET}`, '', '.', 'demo', 'demo.', `.${tokenFor('demo').slice(5)}`),
    fc
      .tuple(fc.constantFrom(...MOUNTED), fc.constantFrom(...MOUNTED))
      .map(([name, of]) => name + tokenFor(of).slice(of.length)),
    fc.tuple(fc.nat(), fc.constantFrom('0', 'f', 'x', '.', ' ', '\u00e9')).map(([at, character]) => {
      const value = tokenFor('demo');
      const place = at % (value.length + 1);
      return value.slice(0, place) + character + value.slice(place + (at & 1));
    }),
    fc.string(),
    fc.constant(meshTokens(`${SECRET}x`)('demo')),
  );

  it('opens the internal routes of this service, and no other value opens any', async () => {
    const { inject, rateClock } = twoServices();
    await fc.assert(
      fc.asyncProperty(anyValue, fc.constantFrom(...MOUNTED), async (value, service) => {
        // The table of the test is small, so this run must not use rows of earlier runs.
        rateClock.now += 120_000;
        const remoteAddress = freshAddress();
        const headers = { 'x-mesh-token': value };
        // White space around the value of a field is none of it.
        const isToken = value.replace(/^[ \t]+|[ \t]+$/g, '') === tokenFor(service);
        const { status } = await inject({ url: `/${service}/internal`, headers, remoteAddress });
        expect(status).to.equal(isToken ? 200 : 404);
        const { headers: fields } = await inject({ url: `/${service}/internal`, method: 'PUT', headers });
        expect(fields.allow).to.equal(isToken ? 'GET, HEAD, OPTIONS' : undefined);
      }),
      { numRuns: 500 },
    );
  });

  it('exempts from rate limits on the routes of this service alone', async () => {
    const { inject } = twoServices({ rateLimit: parseRate('1/minute')! });
    const isLimited = async (url: string, value: string): Promise<boolean> => {
      const remoteAddress = freshAddress();
      const headers = { 'x-mesh-token': value };
      return (await inject({ url, headers, remoteAddress })).headers.ratelimit !== undefined;
    };
    for (const service of MOUNTED) {
      for (const value of [...MOUNTED, 'third'].map(tokenFor)) {
        expect(await isLimited(`/${service}/open`, value)).to.equal(value !== tokenFor(service));
      }
    }
    expect(await isLimited('/nowhere', tokenFor('other'))).to.equal(false);
    expect(await isLimited('/nowhere', tokenFor('third'))).to.equal(true);
  });

  it('has no effect where no secret is set', async () => {
    const { inject } = twoServices({ meshToken: undefined });
    for (const value of [tokenFor('demo'), meshTokens('')('demo'), 'demo.undefined']) {
      const headers = { 'x-mesh-token': value };
      expect((await inject({ url: '/demo/internal', headers })).status).to.equal(404);
    }
  });
});

describe('wrong mesh tokens', () => {
  it('are refused from the eleventh per minute of an address on, where a stranger gets 404', async () => {
    const { inject, rateClock } = twoServices();
    const statusOf = async (url: string, value: string, remoteAddress: string): Promise<number> =>
      (await inject({ url, headers: { 'x-mesh-token': value }, remoteAddress })).status;
    const guess = (url = '/demo/internal') => statusOf(url, tokenFor('third'), '192.0.2.1');
    for (let n = 0; n < 10; n++) {
      rateClock.now += 1;
      expect(await guess()).to.equal(404);
    }
    for (const url of ['/demo/internal', '/nowhere']) expect(await guess(url)).to.equal(429);
    const { headers, json } = await inject({
      url: '/demo/internal',
      headers: { 'x-mesh-token': 'x' },
      remoteAddress: '192.0.2.1',
    });
    expect(json()).to.include({ status: 429, code: 'RATE_LIMITED' });
    expect(headers).to.include({ 'retry-after': '6' });
    expect(await statusOf('/demo/internal', tokenFor('third'), '192.0.2.2')).to.equal(404);
    rateClock.now += 60_000;
    expect(await guess()).to.equal(404);
  });

  it('lock out neither right tokens of the same address nor strangers, and none of them from public routes', async () => {
    const { inject } = twoServices();
    for (let n = 0; n < 30; n++) {
      await inject({ url: '/demo/internal', headers: { 'x-mesh-token': `demo.${n}` } });
      const right = { 'x-mesh-token': tokenFor('demo') };
      expect((await inject({ url: '/demo/internal', headers: right })).text()).to.equal('demo');
      expect((await inject({ url: '/demo/internal' })).status).to.equal(404);
      const wrong = { 'x-mesh-token': tokenFor('third') };
      expect((await inject({ url: '/demo/open', headers: wrong })).text()).to.equal('open');
    }
  });

  it('are logged in one line per minute, which does not contain them', async () => {
    const { inject, logs } = twoServices();
    for (let n = 0; n < 30; n++) {
      const remoteAddress = freshAddress();
      await inject({ url: '/demo/open', headers: { 'x-mesh-token': SECRET }, remoteAddress });
    }
    expect(logs.map(({ level, msg }) => [level, String(msg).includes('MESH_TOKEN')])).to.deep.equal([
      [40, true],
    ]);
    expect(JSON.stringify(logs)).not.to.include(SECRET);
  });
});
