// Requests through the gateway to a service of its own process, to services that are not there, and the
// policies of services.
import { expect } from 'chai';
import { meshTokens } from '#src/mesh-token.js';
import { get, json, post } from '#test/support/client.js';
import { TestInstance } from '#test/support/instance.js';
import { expectProblem } from '#test/support/problem.js';
import { useCluster } from '#test/support/use-cluster.js';
import { RELAYED } from './fixtures/paths.js';

const SECRET = 'mesh-secret-of-at-least-32-characters';

describe('the gateway, within its process', () => {
  const cluster = useCluster({
    config: RELAYED,
    env: { MESH_TOKEN: SECRET, RATE_LIMIT: '100/minute;burst=1000' },
  });
  const at = (path: string): string => `${cluster.url}/svc${path}`;
  const host = (): string => new URL(cluster.url).host;

  describe('to a service of its own process', () => {
    it('serves its routes as to a stranger, without the prefix', async () => {
      const response = await get(at('/local/seen?q=1'), {
        ...{
          'x-mesh-token': meshTokens(SECRET)('local'),
          'x-request-deadline': '1',
          'x-multilane-final': '1',
        },
        ...{
          'x-kept': '1',
          'x-request-id': 'mine',
          traceparent: `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`,
        },
      });
      expect(response.headers.get('x-request-id')).to.equal('mine');
      expect(await json(response)).to.deep.equal({
        ...{ path: '/seen', q: '1', ip: '127.0.0.1', host: host(), isPeer: false },
        ...{ requestId: 'mine', traceId: 'c'.repeat(32), fields: ['x-kept'] },
      });
    });

    it('hides internal routes, and those of other services and of the process itself', async () => {
      const token = { 'x-mesh-token': meshTokens(SECRET)('local') };
      expect(await (await get(`${cluster.url}/secret`, token)).text()).to.equal('gold');
      for (const path of ['/secret', '/hidden', '/health', '/openapi.json', '/svc/local/seen', '/nothing'])
        await expectProblem(await get(at(`/local${path}`), token), 404, 'ROUTE_NOT_FOUND');
      await expectProblem(await post(at('/local/seen'), ''), 405, 'METHOD_NOT_ALLOWED');
    });

    it('responds as without the gateway when its handler never returns', async () => {
      for (const url of [`${cluster.url}/loop`, at('/local/loop')])
        await expectProblem(await get(url), 500, 'HANDLER_STALLED');
    });

    it('passes bodies both ways', async () => {
      const body = 'x'.repeat(500_000);
      const echoed = await fetch(at('/local/echo'), { method: 'POST', body });
      expect((await echoed.text()) === body).to.equal(true);
      const streamed = await fetch(at('/local/stream'), { method: 'POST', body });
      expect((await streamed.text()) === body).to.equal(true);
      expect(await (await get(at('/local/events'))).text()).to.include('data: 1\n\ndata: 2\n\n');
      const head = await fetch(at('/local/seen'), { method: 'HEAD' });
      expect(head.status).to.equal(200);
    });

    it('keeps the rules of its routes', async () => {
      for (const status of [200, 200, 429]) expect((await get(at('/local/limited'))).status).to.equal(status);
      const response = await get(at('/local/broken'));
      await expectProblem(response, 503, 'NO_INSTANCE');
    });
  });

  describe('of services that are not there', () => {
    it('knows no service that GATEWAY does not name', async () => {
      for (const path of ['/hidden/hidden', '/unknown/x', '/LOCAL/seen', '/local'])
        await expectProblem(await get(at(path)), 404, 'ROUTE_NOT_FOUND');
    });

    it('says that nothing was executed when there is no instance', async () => {
      const problem = await expectProblem(await post(at('/files/x'), '{}'), 503, 'NO_INSTANCE');
      expect(problem.executed).to.equal(false);
    });
  });

  it('keeps the policies of a service', async () => {
    const few = await TestInstance.start(cluster.adminUrl, 'few', 'f');
    few.behave = () => undefined;
    await expectProblem(await get(at('/few/x')), 504, 'DEADLINE_EXCEEDED');
    few.behave = (_request, response) => void response.end('ok');
    expect((await post(at('/few/x'), '')).status).to.equal(200);
    await expectProblem(await get(at('/few/x')), 429, 'RATE_LIMITED');
    few.stop();
  });

  it('charges the limit of all routes once, and announces it', async () => {
    const left = async (): Promise<number> => {
      const { headers } = await get(at('/local/seen'));
      return Number(/^"default";r=(\d+)/.exec(headers.get('ratelimit')!)![1]);
    };
    const first = await left();
    for (let i = 0; i < 9; i++) await left();
    expect(first - (await left())).to.be.within(1, 10);
  });
});
