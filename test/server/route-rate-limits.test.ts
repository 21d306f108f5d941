import { expect } from 'chai';
import { parseRate } from '#src/rate.js';
import { networkOf } from '#src/server/client-network.js';
import { type Answer, bench } from './kit.js';

const rateFields = ({ status, headers }: Answer) => [
  status,
  headers['ratelimit-policy'],
  headers.ratelimit,
  headers['retry-after'],
];

describe('rate limits', () => {
  it('announce on every response what is left, and refuse with 429 and Retry-After', async () => {
    const { inject, rateClock } = bench((app) => app.get('/', () => 'ok'), {
      rateLimit: parseRate('20/minute;burst=2')!,
    });
    const policy = '"default";q=20;w=60;multilane-burst=2';
    expect(rateFields(await inject({ url: '/' }))).to.deep.equal([
      200,
      policy,
      '"default";r=1;t=3',
      undefined,
    ]);
    rateClock.now += 1;
    expect(rateFields(await inject({ url: '/' }))).to.deep.equal([
      200,
      policy,
      '"default";r=0;t=6',
      undefined,
    ]);
    rateClock.now += 1;
    const refused = await inject({ url: '/' });
    expect(rateFields(refused)).to.deep.equal([429, policy, '"default";r=0;t=3', '3']);
    expect(refused.json()).to.include({ code: 'RATE_LIMITED', type: 'urn:multilane:problem:rate-limited' });
    rateClock.now += 3_000;
    expect((await inject({ url: '/' })).status).to.equal(200);
  });

  it('count the requests of an address (for IPv6 of its /64), and not those of others', async () => {
    const { inject } = bench((app) => app.get('/', () => 'ok'), { rateLimit: parseRate('1/minute')! });
    const statuses = async (...addresses: string[]): Promise<number[]> => {
      const answers = [];
      for (const remoteAddress of addresses) answers.push((await inject({ url: '/', remoteAddress })).status);
      return answers;
    };
    expect(await statuses('192.0.2.1', '192.0.2.2', '192.0.2.1')).to.deep.equal([200, 200, 429]);
    expect(await statuses('2001:db8:1::1', '2001:db8:1::2', '2001:db8:1:1::1')).to.deep.equal([
      200, 429, 200,
    ]);
  });

  it('refuse a scope that is none, and one over processes where there is no registry for it', () => {
    const mount = (scope: string): unknown =>
      bench((app) =>
        app.get('/', { rateLimit: { limit: '1/second', scope: scope as 'cluster' } }, () => 'ok'),
      );
    expect(() => mount('machine')).to.throw(TypeError, 'scope must be "process" or "cluster"');
    expect(() => mount('cluster')).to.throw(TypeError, 'needs a registry through which processes agree');
    expect(() => mount('process')).not.to.throw();
  });

  it('apply to problems, unknown paths and methods, too, and are announced there', async () => {
    const { inject } = bench(
      (app) => {
        app.get('/', () => 'ok');
        app.get('/fault', () => {
          throw new Error('a fault');
        });
      },
      { rateLimit: parseRate('5/minute')! },
    );
    const requests = [
      { url: '/fault' },
      { url: '/nowhere' },
      { url: '/', method: 'PUT' },
      { url: '/', method: 'OPTIONS' },
    ];
    const left: (string | undefined)[] = [];
    for (const request of [...requests, { url: '/' }]) left.push((await inject(request)).headers.ratelimit);
    expect(left.map((item) => item?.slice(10, 13))).to.deep.equal(['r=4', 'r=3', 'r=2', 'r=1', 'r=0']);
    expect((await inject({ url: '/nowhere' })).status).to.equal(429);
  });

  it('do not apply to unlimited routes and to calls within the process', async () => {
    const { app, inject } = bench((demo) => demo.get('/', () => 'ok'), {
      rateLimit: parseRate('1/minute')!,
    });
    app.mount('system', (system) => system.get('/health', () => 'well'), { unlimited: true });
    for (let i = 0; i < 3; i++) {
      for (const request of [{ url: '/health' }, { url: '/', inProcess: true }]) {
        const { status, headers: fields } = await inject(request);
        expect([status, fields.ratelimit]).to.deep.equal([200, undefined]);
      }
    }
    expect((await inject({ url: '/' })).status).to.equal(200);
    expect((await inject({ url: '/' })).status).to.equal(429);
  });

  it('of a route apply beside the common one, which is not charged for what they refuse', async () => {
    const { inject, rateClock } = bench(
      (app) => {
        app.get('/narrow', { rateLimit: '1/minute' }, () => 'ok');
        app.get('/wide', () => 'ok');
        app.get('/free', { rateLimit: 'off' }, () => 'ok');
      },
      { rateLimit: parseRate('3/minute')! },
    );
    expect(rateFields(await inject({ url: '/narrow' })).slice(0, 3)).to.deep.equal([
      200,
      '"route";q=1;w=60, "default";q=3;w=60',
      '"route";r=0;t=60, "default";r=2;t=20',
    ]);
    expect(rateFields(await inject({ url: '/narrow' }))).to.deep.equal([
      429,
      '"route";q=1;w=60',
      '"route";r=0;t=60',
      '60',
    ]);
    for (const expected of [200, 200, 429]) {
      rateClock.now += 1;
      expect((await inject({ url: '/wide' })).status).to.equal(expected);
    }
    expect((await inject({ url: '/free' })).headers).to.not.have.property('ratelimit');
  });

  it('count by the key of the route: all requests, a header field, or a function', async () => {
    const { inject } = bench((app) => {
      app.get('/all', { rateLimit: { limit: '1/minute', key: 'global' } }, () => 'ok');
      app.get('/key', { rateLimit: { limit: '1/minute', key: { header: 'X-API-Key' } } }, () => 'ok');
      app.get('/of/:id', { rateLimit: { limit: '1/minute', key: (ctx) => ctx.params.id! } }, () => 'ok');
    });
    const ask = async (url: string, key?: string, remoteAddress = '192.0.2.1'): Promise<number> =>
      (await inject({ url, remoteAddress, headers: key === undefined ? {} : { 'x-api-key': key } })).status;
    expect([await ask('/all'), await ask('/all', undefined, '192.0.2.2')]).to.deep.equal([200, 429]);
    expect([
      await ask('/key', 'a'),
      await ask('/key', 'b'),
      await ask('/key', 'a', '192.0.2.2'),
    ]).to.deep.equal([200, 200, 429]);
    // Without the field it is the address; a field that looks like one is another key.
    expect([await ask('/key'), await ask('/key', '192.0.2.1'), await ask('/key')]).to.deep.equal([
      200, 200, 429,
    ]);
    expect([await ask('/of/1'), await ask('/of/2'), await ask('/of/1')]).to.deep.equal([200, 200, 429]);
  });

  it('respond with what their key function throws', async () => {
    const { inject, logs } = bench((app) => {
      const key = (): string => {
        throw new Error('no key');
      };
      app.get('/throws', { rateLimit: { limit: '1/minute', key } }, () => 'ok');
      app.get('/wrong', { rateLimit: { limit: '1/minute', key: () => 7 as never } }, () => 'ok');
    });
    for (const url of ['/throws', '/wrong']) expect((await inject({ url })).status).to.equal(500);
    expect(logs.map(({ msg }) => msg)).to.deep.equal(Array(2).fill('a request could not be admitted'));
  });

  it('that are invalid are refused while the process starts, and the error names the route', () => {
    for (const rateLimit of [
      '100/hour',
      '',
      { limit: 'x' },
      { limit: '1/second', key: 'ip' },
      { limit: '1/second', key: { header: '' } },
    ]) {
      expect(() => bench((app) => app.get('/', { rateLimit: rateLimit as never }, () => 'ok')))
        .to.throw(TypeError)
        .with.property('message')
        .that.matches(/^service demo, route GET \/: rateLimit: /);
    }
  });

  it('use the first 64 bits of an IPv6 address, however it is written', () => {
    const networks: readonly (readonly [string, string])[] = [
      ['192.0.2.1', '192.0.2.1'],
      ['', ''],
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
      ['2001:0DB8:0001:0002::6', '2001:db8:1:2::/64'],
      ['::', '0:0:0:0::/64'],
      ['::1', '0:0:0:0::/64'],
      ['2001:db8::', '2001:db8:0:0::/64'],
      ['1::2:3:4:5:6', '1:0:0:2::/64'],
      ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
      ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
      ['not:an:address', 'not:an:address'],
    ];
    for (const [address, network] of networks) expect(networkOf(address), address).to.equal(network);
  });
});
