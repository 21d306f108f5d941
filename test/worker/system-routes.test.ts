import { expect } from 'chai';
import { SYSTEM_ROUTE_OPTIONS } from '#src/worker/system-route-options.js';
import { systemRoutes } from '#src/worker/system-routes.js';
import { type Answer, bench } from '#test/server/kit.js';
import { PROBE_PATHS } from '#test/worker/probe-paths.js';

describe('the routes of every process', () => {
  const state = { draining: false, ready: true };
  const { inject } = bench((app) =>
    systemRoutes(
      app,
      PROBE_PATHS,
      { draining: () => state.draining, ready: () => state.ready },
      SYSTEM_ROUTE_OPTIONS,
    ),
  );
  afterEach(() => Object.assign(state, { draining: false, ready: true }));

  const get = (url: string): Promise<Answer> => inject({ url });
  const health = async (status: number): Promise<Record<string, unknown>> =>
    bodyOf(await get('/health'), status);
  const bodyOf = (answer: Answer, status: number): Record<string, unknown> => {
    expect(answer.status, answer.text()).to.equal(status);
    return answer.json();
  };
  const expectNow = (timestamp: unknown): void => {
    expect(new Date(timestamp as string).toISOString()).to.equal(timestamp);
  };

  it('report that a worker is healthy, with a timestamp', async () => {
    const { status, timestamp, ...rest } = await health(200);
    expect(status).to.equal('healthy');
    expectNow(timestamp);
    expect(rest).to.deep.equal({});
  });

  it('report a drain from its first moment, as 503 with Retry-After', async () => {
    state.draining = true;
    const answer = await get('/health');
    expect(answer.headers['retry-after']).to.equal('1');
    expect(answer.headers['content-type']).to.equal('application/json');
    const { status, timestamp } = bodyOf(answer, 503);
    expect(status).to.equal('draining');
    expectNow(timestamp);
  });

  it('report whether the process may get traffic, without reasons', async () => {
    expect(bodyOf(await get('/ready'), 200)).to.deep.equal({ status: 'ready' });
    state.ready = false;
    const answer = await get('/ready');
    expect(answer.headers['retry-after']).to.equal('1');
    expect(bodyOf(answer, 503)).to.deep.equal({ status: 'not-ready' });
  });

  it('are where the settings say, or nowhere', async () => {
    const moved = bench((app) =>
      systemRoutes(
        app,
        { healthPath: '/-/alive', readyPath: null },
        { draining: () => false, ready: () => true },
        SYSTEM_ROUTE_OPTIONS,
      ),
    );
    expect((await moved.inject({ url: '/-/alive' })).json().status).to.equal('healthy');
    for (const url of ['/health', '/ready']) expect((await moved.inject({ url })).status).to.equal(404);
  });

  it('forbid caching', async () => {
    for (const path of ['/health', '/ready']) {
      expect((await get(path)).headers['cache-control']).to.equal('no-store');
    }
  });
});
