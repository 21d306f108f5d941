import { expect } from 'chai';
import { bench, latch, ManualTicker, settled } from './kit.js';

describe('admission', () => {
  it('refuses beyond MAX_IN_FLIGHT with 503 and Retry-After, and releases every permit', async () => {
    const finish = latch<unknown>();
    const { inject, world } = bench((app) => {
      app.get('/', () => finish.opened);
      app.get('/sync', () => 'ok');
    });
    world.permits = 1;
    const first = inject({ url: '/' });
    const { status, headers, json } = await inject({ url: '/sync' });
    expect([status, headers['retry-after'], json().code]).to.deep.equal([503, '1', 'OVERLOADED']);
    finish.open('done');
    await first;
    expect(world.permits).to.equal(1);
    expect((await inject({ url: '/sync' })).status).to.equal(200);
    expect(world.permits).to.equal(1);
  });

  it('also bounds an OPTIONS that runs hooks of a route', async () => {
    const finish = latch<undefined>();
    let hooked = 0;
    const hook = (): Promise<undefined> => {
      hooked++;
      return finish.opened;
    };
    const { inject, world } = bench((app) => {
      app.hook('onRequest', hook);
      app.get('/', () => 'ok');
    });
    world.permits = 1;
    const first = inject({ url: '/', method: 'OPTIONS' });
    const second = await inject({ url: '/', method: 'OPTIONS' });
    expect([second.status, second.json().code]).to.deep.equal([503, 'OVERLOADED']);
    expect([hooked, world.permits]).to.deep.equal([1, 0]);
    finish.open(undefined);
    expect((await first).status).to.equal(204);
    expect(world.permits).to.equal(1);
  });

  it('delays a refusal for as long as the gate demands, and executes nothing for it', async () => {
    const ticker = new ManualTicker();
    const { app, inject, observer, world } = bench((demo) => demo.post('/', () => 'ok'), { ticker });
    world.permits = 0;
    world.holdMs = 100;
    const held = inject({ url: '/', method: 'POST', body: 'unread' });
    ticker.advance(90);
    await settled();
    expect([app.inFlight, observer.seen.length]).to.deep.equal([1, 0]);
    ticker.advance(20);
    const { status, headers, json } = await held;
    expect([status, headers['retry-after'], json().code]).to.deep.equal([503, '1', 'OVERLOADED']);
    expect(app.inFlight).to.equal(0);
    expect(observer.seen).to.have.length(1);
  });

  it('delays no refusal beyond the deadline of its request, and none while draining', async () => {
    const ticker = new ManualTicker();
    const { app, inject, world } = bench((demo) => demo.get('/', { timeoutMs: 30 }, () => 'ok'), { ticker });
    world.permits = 0;
    world.holdMs = 100;
    const held = inject({ url: '/' });
    ticker.advance(40);
    expect((await held).status).to.equal(503);
    world.draining = true;
    expect((await inject({ url: '/' })).status).to.equal(503);
    expect([app.inFlight, app.wheel.size]).to.deep.equal([0, 0]);
  });

  it('drops a delayed refusal when its client has left', async () => {
    const ticker = new ManualTicker();
    const { app, inject, observer, world } = bench((demo) => demo.get('/', () => 'ok'), { ticker });
    world.permits = 0;
    world.holdMs = 100;
    const leaving = new AbortController();
    const held = inject({ url: '/', signal: leaving.signal }).catch(() => undefined);
    leaving.abort();
    await settled();
    ticker.advance(110);
    await held;
    expect(observer.seen.map(({ status }) => status)).to.deep.equal([499]);
    expect([app.inFlight, app.wheel.size]).to.deep.equal([0, 0]);
  });

  it('never refuses requests of unlimited routes or of this worker itself', async () => {
    const { app, inject, world } = bench((demo) => demo.get('/', () => 'ok'));
    app.mount('system', (system) => system.get('/health', () => 'well'), { unlimited: true });
    world.permits = 0;
    expect((await inject({ url: '/health' })).status).to.equal(200);
    expect((await inject({ url: '/', inProcess: true })).status).to.equal(200);
    expect((await inject({ url: '/' })).status).to.equal(503);
  });

  it('responds STARTING until the service is ready, and does not check again after that', async () => {
    let asked = 0;
    const { app, inject } = bench(() => {});
    app.mount('late', (late) => late.get('/late', () => 'ok'), { isReady: () => ++asked > 1 });
    const { status, headers, json } = await inject({ url: '/late' });
    expect([status, headers['retry-after'], json().code]).to.deep.equal([503, '1', 'STARTING']);
    for (let i = 0; i < 3; i++) expect((await inject({ url: '/late' })).status).to.equal(200);
    expect(asked).to.equal(2);
  });

  it('responds to strangers as if internal routes did not exist', async () => {
    const { inject } = bench((app) => {
      app.post('/secret', { internal: true }, () => 'in');
      app.group('/both', { internal: true }, (both) => both.put('/x', () => 'in'));
      app.get('/both/x', () => 'out');
    });
    for (const method of ['POST', 'GET', 'OPTIONS']) {
      const { status, json } = await inject({ url: '/secret', method });
      expect([status, json().code], method).to.deep.equal([404, 'ROUTE_NOT_FOUND']);
    }
    expect((await inject({ url: '/secret', method: 'POST', inProcess: true })).text()).to.equal('in');
    expect((await inject({ url: '/both/x', method: 'PUT' })).headers.allow).to.equal('GET, HEAD, OPTIONS');
    expect((await inject({ url: '/both/x', method: 'DELETE', inProcess: true })).headers.allow).to.equal(
      'PUT, GET, HEAD, OPTIONS',
    );
  });

  it('closes every connection while draining', async () => {
    const { inject, world } = bench((app) => app.get('/', () => 'ok'));
    expect((await inject({ url: '/' })).headers.connection).to.equal(undefined);
    world.draining = true;
    for (const url of ['/', '/nowhere']) expect((await inject({ url })).headers.connection).to.equal('close');
  });
});
