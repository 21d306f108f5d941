import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { runInScope } from '#src/scope.js';
import type { Received } from '#src/upstream/transport.js';
import { heldScope } from '#test/support/held-scope.js';
import { failureOf, scopeOf, setUp, two } from './call-kit.js';
import { jsonResponse } from './endpoints.js';

describe('the option maxConcurrent', () => {
  it('rejects a call while as many calls are running in all workers', async () => {
    const finish: ((response: Received) => void)[] = [];
    const { call, sent, observed } = setUp(two, () => new Promise((resolve) => void finish.push(resolve)));
    const get = (maxConcurrent?: number) =>
      call('orders').get('/x', maxConcurrent === undefined ? {} : { maxConcurrent });
    const running = [get(2), get(2), get()];
    const refused = await get(2).catch((error: unknown) => error);
    expect(refused).to.deep.include({ code: 'OVERLOADED', status: 503, headers: { 'retry-after': '1' } });
    expect([sent.length, observed]).to.deep.equal([3, ['full orders']]);
    running.push(get(3));
    for (const answered of finish) answered(jsonResponse(200));
    await Promise.all(running);
    const later = get(1);
    finish.at(-1)!(jsonResponse(200));
    expect((await later).status).to.equal(200);
    expect(await get(0).catch((error: unknown) => error)).to.be.instanceOf(TypeError);
  });

  it('takes no permit for a service without an instance', async () => {
    const queried: string[] = [];
    const callPermitsOf = (service: string) => {
      queried.push(service);
      return { permits: { enter: () => true, leave() {} }, refused() {} };
    };
    const { call } = setUp([], () => Promise.resolve(jsonResponse(200)), { callPermitsOf });
    const error = await failureOf(call('anything').get('/x', { maxConcurrent: 2 }));
    expect([error.code, queried]).to.deep.equal(['NO_INSTANCE', []]);
  });
});

describe('the option singleFlight', () => {
  it('shares one call between all callers that make the same one with this option at the same time', async () => {
    const finish: ((response: Received) => void)[] = [];
    const { call, sent, observed } = setUp(two, () => new Promise((resolve) => void finish.push(resolve)));
    const orders = call('orders');
    const same = { query: { q: 1 }, headers: { authorization: 'a', accept: 'b' }, singleFlight: true };
    const waiting = [
      orders.get('/x', same),
      orders.get('/x?q=1', { headers: { Accept: 'b', Authorization: 'a' }, singleFlight: true }),
      orders.get('/x', { ...same, headers: { ...same.headers, authorization: 'other' } }),
      orders.get('/x', { ...same, query: { q: 2 } }),
      call('users').get('/x', same),
      orders.get('/x', { ...same, singleFlight: false }),
    ];
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent.length).to.equal(5);
    for (const answered of finish) answered(jsonResponse(200, 'x'));
    for (const response of await Promise.all(waiting)) expect(response.text()).to.equal('"x"');
    expect(observed.filter((event) => event.startsWith('shared'))).to.deep.equal(['shared orders']);
    for (const bad of [
      orders.post('/x', { singleFlight: true }),
      orders.get('/x', { body: 'b', singleFlight: true }),
    ]) {
      expect(await bad.catch((error: unknown) => error)).to.be.instanceOf(TypeError);
    }
  });

  it('lets the call continue after the deadline of the caller that began it', async () => {
    const finish: ((response: Received) => void)[] = [];
    const respond = () => new Promise<Received>((resolve) => void finish.push(resolve));
    const { call, sent } = setUp(two, respond, { timeoutMs: 9_000 });
    const get = () => call('orders').get('/x', { singleFlight: true });
    const hurried = runInScope(scopeOf({ deadline: Deadline.after(30) }), get);
    const patient = runInScope(scopeOf({ deadline: Deadline.after(60_000) }), get);
    expect(await hurried.catch((error: unknown) => error)).to.have.property('code', 'DEADLINE_EXCEEDED');
    expect(sent[0]!.request.signal.aborted).to.equal(false);
    expect(Number(sent[0]!.request.headers['x-request-deadline'])).to.be.within(8_000, 9_000);
    finish[0]!(jsonResponse(200, 'x'));
    expect((await patient).text()).to.equal('"x"');
    expect(sent.length).to.equal(1);
  });

  it('has no caller fail at a limit of another one', async () => {
    const finish: ((response: Received) => void)[] = [];
    const { call } = setUp(two, () => new Promise((resolve) => void finish.push(resolve)));
    const orders = call('orders');
    const busy = orders.get('/busy', { maxConcurrent: 1 });
    const limited = [1, 2, 3].map(() =>
      failureOf(orders.get('/x', { maxConcurrent: 1, singleFlight: true })),
    );
    const free = [{}, { retries: 0 }, { hedgeMs: 1_000 }].map((options) =>
      orders.get('/x', { ...options, singleFlight: true }),
    );
    for (const { code } of await Promise.all(limited)) expect(code).to.equal('OVERLOADED');
    for (const answered of finish) answered(jsonResponse(200));
    for (const { status } of await Promise.all([busy, ...free])) expect(status).to.equal(200);
  });

  it('has no caller fail because another one is nested too deep in other calls', async () => {
    const { call } = setUp(two, () => Promise.resolve(jsonResponse(200)));
    const get = (callDepth: number) =>
      runInScope(scopeOf({ callDepth }), () => call('orders').get('/x', { singleFlight: true }));
    const deep = failureOf(get(64));
    const shallow = [get(0), get(63)];
    expect((await deep).code).to.equal('INTERNAL');
    for (const { status } of await Promise.all(shallow)) expect(status).to.equal(200);
  });
});

describe('a call of an interrupted request', () => {
  it('releases its permit, its load and its ticket once, even when the call ends later', async () => {
    const ends: ((received: Received) => void)[] = [];
    const [only] = two;
    const { call, breaker, load, observed } = setUp(
      [only!],
      () => new Promise((resolve) => void ends.push(resolve)),
    );
    const get = () => call('orders').get('/x', { maxConcurrent: 1 });
    const scope = heldScope();
    const lost = runInScope(scope, get);
    await Promise.resolve();
    expect([ends.length, load.inFlight(only!.slot)]).to.deep.equal([1, 1]);
    scope.holds.release();
    expect(load.inFlight(only!.slot)).to.equal(0);
    const next = get();
    ends[0]!(jsonResponse(200));
    await lost;
    expect(load.inFlight(only!.slot), 'of the next call').to.equal(1);
    expect(await failureOf(get())).to.have.property('code', 'OVERLOADED');
    ends[1]!(jsonResponse(200));
    await next;
    expect(breaker.state(only!.slot), 'only the next one counts').to.include({ calls: 1, failures: 0 });
    expect(observed.filter((text) => text.endsWith('200'))).to.have.length(2);
  });
});
