import { expect } from 'chai';
import { runInScope } from '#src/scope.js';
import { failureOf, scopeOf, setUp, two } from './call-kit.js';
import { endpoint, jsonResponse, problem } from './endpoints.js';

describe('a call', () => {
  it('returns the response of the service, whatever its status is', async () => {
    const { call, ids } = setUp(two, () => jsonResponse(404, { code: 'NOT_FOUND' }));
    const response = await call('orders').get('/x');
    expect(response.status).to.equal(404);
    expect(response.json()).to.deep.equal({ code: 'NOT_FOUND' });
    expect(ids()).to.equal('a');
  });

  it('throws a TypeError for text that is not a service name', () => {
    const { call } = setUp(two, () => jsonResponse(200));
    for (const name of ['', 'Orders', '../x', 'a b']) expect(() => call(name)).to.throw(TypeError);
  });

  it('fails with NO_INSTANCE when the service has no instance', async () => {
    const { call } = setUp([], () => jsonResponse(200));
    const error = await failureOf(call('orders').get('/x'));
    expect(error).to.include({ code: 'NO_INSTANCE', status: 503 });
    expect(error.headers).to.deep.equal({ 'retry-after': '1' });
  });

  it('runs in-process for an instance of this process, and over the network for others', async () => {
    const { call, sent } = setUp([endpoint('a', { local: true }), endpoint('b', { slot: 2 })], ({ local }) =>
      local ? problem(503, 'STARTING') : jsonResponse(200),
    );
    expect((await call('orders').get('/x')).status).to.equal(200);
    expect(sent.map(({ over }) => over)).to.deep.equal(['in-process', 'http']);
  });

  it('may be made many times at once by one request without a warning about a leak', async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warn);
    const { call } = setUp(two, async (_endpoint, { signal }) => {
      signal.addEventListener('abort', () => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      return jsonResponse(200);
    });
    await runInScope(scopeOf(), () =>
      Promise.all(Array.from({ length: 30 }, () => call('orders').get('/x'))),
    );
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', warn);
    expect(warnings).to.deep.equal([]);
  });

  describe('sends', () => {
    it('request id, trace, deadline, idempotency key, body, and the mesh token when there is one', async () => {
      const { call, sent } = setUp(two, () => jsonResponse(200), {
        meshToken: (service) => `proof for ${service}`,
        propagate: (trace, headers) => {
          headers.traceparent = `00-${trace.traceId}-${trace.spanId}-01`;
        },
      });
      await runInScope(scopeOf(), () =>
        call('orders').post('/x', { json: { a: 1 }, idempotencyKey: 'k', query: { q: 1 } }),
      );
      const { headers, ...request } = sent[0]!.request;
      expect({ ...headers, 'x-request-deadline': '?' }).to.deep.equal({
        'content-type': 'application/json',
        'idempotency-key': 'k',
        'x-request-id': 'r-1',
        'x-request-deadline': '?',
        'x-mesh-token': 'proof for orders',
        traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      });
      expect(request).to.include({ method: 'POST', path: '/x?q=1', body: '{"a":1}' });
    });

    it('no mesh token when there is none, whatever the caller sets', async () => {
      const { call, sent } = setUp(two, () => jsonResponse(200));
      await call('orders').get('/x', { headers: { 'x-mesh-token': 'mine' } });
      expect(sent[0]!.request.headers).not.to.have.property('x-mesh-token');
    });

    it('no mesh token to an instance of this process', async () => {
      const { call, sent } = setUp([endpoint('a', { local: true })], () => jsonResponse(200), {
        meshToken: (service) => `proof for ${service}`,
      });
      await call('orders').get('/x');
      expect(sent[0]!.over).to.equal('in-process');
      expect(sent[0]!.request.headers).not.to.have.property('x-mesh-token');
    });

    it('nothing when the arguments cannot be sent', async () => {
      const { call, sent } = setUp(two, () => jsonResponse(200));
      for (const bad of [
        () => call('orders').get('x'),
        () => call('orders').request('GET /', '/x'),
        () => call('orders').get('/x', { headers: { a: '\r\n' } }),
        () => call('orders').get('/x', { retries: -1 }),
      ]) {
        expect(await bad().catch((error: unknown) => error)).to.be.instanceOf(TypeError);
      }
      expect(sent).to.deep.equal([]);
    });
  });
});
