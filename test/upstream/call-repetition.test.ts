import { expect } from 'chai';
import type { Endpoint } from '#src/registry/endpoint.js';
import { runInScope } from '#src/scope.js';
import { receive } from '#src/upstream/buffered-response.js';
import type { Received } from '#src/upstream/transport.js';
import { NoPortError, UnreachedError } from '#src/upstream/transport-errors.js';
import { broken, failureOf, type Respond, scopeOf, setUp, two, unavailable } from './call-kit.js';
import { endpoint, jsonResponse, problem } from './endpoints.js';

describe('the repetition of a call', () => {
  it('repeats an idempotent call up to twice, each time at another endpoint while there is one', async () => {
    const { call, ids, observed } = setUp(two, broken);
    expect((await failureOf(call('orders').get('/x?secret=1'))).code).to.equal('BAD_UPSTREAM');
    expect(ids()).to.match(/^(aba|abb)$/);
    expect(observed[0]).to.equal('GET /x a 1 BAD_UPSTREAM');
    expect(observed).to.have.length(3);
  });

  it('ends with the first response that is no gateway failure', async () => {
    const { call, ids } = setUp(two, ({ id }) => (id === 'a' ? problem(503, 'DRAINING') : jsonResponse(200)));
    expect((await call('orders').put('/x', { json: 1 })).status).to.equal(200);
    expect(ids()).to.equal('ab');
  });

  it('returns the last response when every attempt ends with a gateway failure', async () => {
    const { call, ids } = setUp(two, () => problem(503, 'DRAINING'));
    expect((await call('orders').delete('/x')).status).to.equal(503);
    expect(ids()).to.have.length(3);
  });

  it('repeats a POST or PATCH that may have run only with an idempotency key', async () => {
    const { call, sent } = setUp(two, broken);
    await failureOf(call('orders').post('/x', { json: {} }));
    await failureOf(call('orders').patch('/x', { json: {}, retries: 5 }));
    expect(sent).to.have.length(2);
    await failureOf(call('orders').post('/x', { json: {}, idempotencyKey: 'k' }));
    await failureOf(call('orders').post('/x', { json: {}, headers: { 'Idempotency-Key': 'k' } }));
    expect(sent).to.have.length(2 + 3 + 3);
    expect(sent.at(-1)!.request.headers['idempotency-key']).to.equal('k');
  });

  const unreached = () => Promise.reject(new UnreachedError('Instance a of orders cannot be reached.'));
  const noPort = () =>
    Promise.reject(new NoPortError({ service: 'orders', id: 'a' }, new Error('connect EACCES')));

  it('repeats a POST or PATCH that has certainly not run, within the budget', async () => {
    for (const method of ['POST', 'PATCH']) {
      for (const failing of [unreached, noPort, () => unavailable(false)]) {
        const { call, ids } = setUp(two, (to) => (to.id === 'a' ? failing() : jsonResponse(201)));
        expect((await call('orders').request(method, '/x', { json: {} })).status).to.equal(201);
        expect(ids()).to.equal('ab');
      }
      const { call, sent, observed, breaker } = setUp(two, () => unavailable(false));
      for (const { slot } of two) breaker.force(slot, 'closed');
      for (let i = 0; i < 100; i++) await call('orders').request(method, '/x', { json: {} });
      expect(sent).to.have.length(100 + 20 + 5);
      expect(observed).to.include('exhausted orders');
    }
  });

  it('ejects an instance to which this machine makes no connection, whose breaker stays closed', async () => {
    const three = [...two, endpoint('c', { slot: 3 })];
    const { call, sent, breaker, load } = setUp(three, ({ id }) =>
      id === 'a' ? noPort() : jsonResponse(201),
    );
    for (let i = 0; i < 100; i++) {
      expect((await call('orders').post('/x', { json: {} })).status).to.equal(201);
      if (i === 6) expect(load.look(1, 0).isFailing).to.equal(true);
    }
    expect(sent.filter(({ id }) => id === 'a')).to.have.length(5);
    expect(breaker.state(1).state).to.equal('closed');
  });

  it('does not repeat a POST or PATCH after a 503 of a handler, or one that does not say', async () => {
    for (const response of [unavailable(true), jsonResponse(503)]) {
      const { call, sent } = setUp(two, () => response);
      for (const method of ['POST', 'PATCH']) {
        const { status, notExecuted } = await call('orders').request(method, '/x', { json: {} });
        expect([status, notExecuted]).to.deep.equal([503, false]);
      }
      expect(sent).to.have.length(2);
    }
  });

  it('reports that no handler ran only when none ran in any attempt, however they are ordered', async () => {
    const ends: readonly (readonly [Respond, hasNotRun: boolean])[] = [
      [broken, false],
      [unreached, true],
      [noPort, true],
      [() => unavailable(true), false],
      [() => unavailable(false), true],
    ];
    for (const options of [{}, { hedgeMs: 0 }]) {
      for (const [first, isFirstNotRun] of ends) {
        for (const [second, isSecondNotRun] of ends) {
          let attempts = 0;
          const respond: Respond = (to, request) => (attempts++ === 0 ? first : second)(to, request);
          const { call, sent } = setUp(two, respond);
          const end: unknown = await call('orders')
            .put('/x', { retries: 1, ...options })
            .catch((error: unknown) => error);
          expect(sent).to.have.length.within(2, 3);
          expect((end as { notExecuted?: boolean }).notExecuted ?? false).to.equal(
            isFirstNotRun && isSecondNotRun,
          );
        }
      }
    }
  });

  it('waits as long as the callee asks for, unless there is another instance', async () => {
    const asks = (value: string) => (): Received => receive(503, { 'retry-after': value }, Buffer.alloc(0));
    const waitsFor = async (endpoints: readonly Endpoint[], value: string, options = {}) => {
      const waits: number[] = [];
      const { call, sent } = setUp(endpoints, asks(value), {
        sleep: async (ms) => void waits.push(ms),
        callPermitsOf: () => ({
          permits: { enter: () => true, leave: () => undefined } as never,
          refused: () => undefined,
        }),
      });
      await call('orders').get('/x', options);
      expect(sent).to.have.length(waits.length + 1);
      return waits;
    };
    const one = [endpoint('a')];
    const rounded = async (...args: Parameters<typeof waitsFor>) =>
      (await waitsFor(...args)).map((ms) => Math.round(ms / 100) * 100);
    expect(await rounded(one, '2')).to.deep.equal([2_000, 2_000]);
    expect(await rounded(two, '2')).to.deep.equal([0, 2_000]);
    expect(await waitsFor(one, '40')).to.deep.equal([]);
    expect(await waitsFor(one, '2', { timeoutMs: 1_500 })).to.deep.equal([]);
    const [untilDate] = await waitsFor(one, new Date(Date.now() + 10_000).toUTCString());
    expect(untilDate).to.be.within(8_000, 10_000);
    expect(await waitsFor(one, '2', { maxConcurrent: 5 })).to.deep.equal([]);
    expect(await waitsFor(one, '99999999', { timeoutMs: Number.POSITIVE_INFINITY })).to.deep.equal([]);
    for (const nothing of ['soon', '-1', '1.5', new Date(0).toUTCString()])
      expect(await waitsFor(one, nothing)).to.deep.equal([0, 0]);
  });

  it('does not repeat a failure that the callee passed on from a call of its own', async () => {
    for (const status of [502, 503, 504]) {
      const { call, sent } = setUp(two, () => receive(status, { 'x-multilane-final': '1' }, Buffer.alloc(0)));
      const response = await call('orders').get('/x', { retries: 5 });
      expect([response.status, sent.length]).to.deep.equal([status, 1]);
    }
  });

  it('makes as many further attempts as the option retries allows', async () => {
    const { call, sent } = setUp(two, broken);
    await failureOf(call('orders').get('/x', { retries: 0 }));
    expect(sent).to.have.length(1);
    await failureOf(call('orders').get('/x', { retries: 4 }));
    expect(sent).to.have.length(1 + 5);
  });

  it('does not repeat after a 500, a 404 or a 429', async () => {
    for (const status of [500, 404, 429]) {
      const { call, sent } = setUp(two, () => jsonResponse(status));
      expect((await call('orders').get('/x')).status).to.equal(status);
      expect(sent).to.have.length(1);
    }
  });

  it('ends when the retry budget of the process is exhausted', async () => {
    const { call, sent, observed, breaker } = setUp(two, broken);
    for (const { slot } of two) breaker.force(slot, 'closed');
    for (let i = 0; i < 100; i++) await failureOf(call('orders').get('/x'));
    // The budget is a fifth of the hundred calls, and five more at the beginning.
    expect(sent).to.have.length(100 + 20 + 5);
    expect(observed).to.include('exhausted orders');
  });
});

describe('the request that makes a call', () => {
  const failures = async (respond: Respond, endpoints = two, options = {}): Promise<number> => {
    let failed = 0;
    const scope = scopeOf({ callFailed: () => void failed++ });
    const { call } = setUp(endpoints, respond);
    await runInScope(scope, () => call('orders').get('/x', options)).catch(() => undefined);
    return failed;
  };

  it('is notified once of a gateway failure that remains after all attempts, thrown or returned', async () => {
    for (const status of [502, 503, 504]) expect(await failures(() => jsonResponse(status))).to.equal(1);
    expect(await failures(broken)).to.equal(1);
    expect(await failures(broken, two, { singleFlight: true })).to.equal(1);
    expect(await failures(() => jsonResponse(200), [])).to.equal(1);
  });

  it('is not notified of anything else', async () => {
    for (const status of [200, 404, 429, 500]) expect(await failures(() => jsonResponse(status))).to.equal(0);
    expect(await failures(({ id }) => jsonResponse(id === 'a' ? 503 : 200))).to.equal(0);
    expect(await failures(() => Promise.reject(new TypeError('mine')))).to.equal(0);
  });
});
