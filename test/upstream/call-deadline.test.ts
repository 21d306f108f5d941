import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError } from '#src/errors.js';
import { MAX_TIMER_MS } from '#src/resilience/cancellation.js';
import { runInScope } from '#src/scope.js';
import { failureOf, type Respond, scopeOf, setUp, two } from './call-kit.js';
import { endpoint, jsonResponse } from './endpoints.js';

describe('the deadline of a call', () => {
  it('is that of the request, or an earlier one of the call; the remaining time is sent along', async () => {
    const { call, sent } = setUp(two, () => jsonResponse(200));
    const scope = scopeOf({ deadline: Deadline.after(5_000) });
    await runInScope(scope, () => call('orders').get('/x'));
    await runInScope(scope, () => call('orders').get('/x', { timeoutMs: 1_000 }));
    await runInScope(scope, () => call('orders').get('/x', { timeoutMs: 60_000 }));
    await call('orders').get('/x');
    const remaining = sent.map(({ request }) => Number(request.headers['x-request-deadline']));
    expect(remaining[0]).to.be.within(4_000, 5_000);
    expect(remaining[1]).to.be.within(900, 1_000);
    expect(remaining[2]).to.be.within(4_000, 5_000);
    expect(remaining[3]).to.be.within(29_000, 30_000);
  });

  it('is one of its own where the running work has none', async () => {
    const { call, sent } = setUp(two, () => jsonResponse(200));
    const scope = scopeOf({ deadline: Deadline.none });
    const options = [
      {},
      { timeoutMs: 1_000 },
      { singleFlight: true },
      { singleFlight: true, timeoutMs: 1_000 },
    ];
    for (const one of options) await runInScope(scope, () => call('orders').get('/x', one));
    await runInScope(scope, () => call('orders').get('/x', { timeoutMs: Number.POSITIVE_INFINITY }));
    const remaining = sent.map(({ request }) => Number(request.headers['x-request-deadline']));
    for (const [i, most] of [30_000, 1_000, 30_000, 1_000, MAX_TIMER_MS].entries())
      expect(remaining[i]).to.be.within(most - 1_000, most);
  });

  it('is sent as the longest time of a timer when it is further ahead, or there is none', async () => {
    const { call, sent } = setUp(two, () => jsonResponse(200));
    for (const timeoutMs of [Number.POSITIVE_INFINITY, 1e22, 2 ** 40])
      await call('orders').get('/x', { timeoutMs });
    const remaining = new Set(sent.map(({ request }) => request.headers['x-request-deadline']));
    expect([...remaining]).to.deep.equal([String(MAX_TIMER_MS)]);
  });

  it('makes the call fail with DEADLINE_EXCEEDED without an attempt when it has passed', async () => {
    const { call, sent } = setUp(two, () => jsonResponse(200));
    const late = scopeOf({ deadline: Deadline.after(0) });
    expect((await failureOf(runInScope(late, () => call('orders').get('/x')))).code).to.equal(
      'DEADLINE_EXCEEDED',
    );
    expect(sent).to.deep.equal([]);
  });

  it('must be a number, also for a shared call; otherwise nothing is sent', async () => {
    const { call, sent } = setUp(two, () => jsonResponse(200));
    for (const singleFlight of [false, true]) {
      const result = call('orders').get('/x', { timeoutMs: Number.NaN, singleFlight });
      const error = await result.catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(TypeError);
    }
    expect(sent).to.deep.equal([]);
  });

  it('makes the call fail with DEADLINE_EXCEEDED when there is no response in time, a failure of the endpoint', async () => {
    const hang: Respond = (_endpoint, { signal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    const { call, breaker, sent } = setUp([endpoint('a', { slot: 1 })], hang);
    const error = await failureOf(call('orders').get('/x', { timeoutMs: 10 }));
    expect(error).to.be.instanceOf(DeadlineExceededError);
    expect(breaker.state(1)).to.deep.equal({ state: 'closed', calls: 1, failures: 1 });
    expect(sent).to.have.length(1);
  });

  it('makes the call fail with DEADLINE_EXCEEDED even when the request is aborted with another reason', async () => {
    const controller = new AbortController();
    const deadline = Deadline.after(5);
    const { call } = setUp(two, async (_endpoint, { signal }) => {
      while (!deadline.passed) await new Promise((resolve) => setImmediate(resolve));
      controller.abort(new Error('timer'));
      throw signal.reason;
    });
    const scope = scopeOf({ deadline, signal: controller.signal });
    expect((await failureOf(runInScope(scope, () => call('orders').get('/x')))).code).to.equal(
      'DEADLINE_EXCEEDED',
    );
  });

  it('ends a shared call, however many callers follow one another, so that the next one makes another', async () => {
    const ended: unknown[] = [];
    const hang: Respond = (_endpoint, { signal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          ended.push(signal.reason);
          reject(signal.reason as Error);
        }),
      );
    const { call, sent } = setUp([endpoint('a', { slot: 1 })], hang);
    const waiting: Promise<unknown>[] = [];
    while (sent.length < 3) {
      // There is always a caller that waits for the call of one before it.
      const scope = scopeOf();
      const options = { singleFlight: true, timeoutMs: 200, retries: 0 };
      waiting.push(runInScope(scope, () => call('orders').get('/x', options)).catch((error) => error));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(ended.length).to.be.at.least(2);
    for (const error of ended) expect(error).to.be.instanceOf(DeadlineExceededError);
    for (const error of await Promise.all(waiting)) expect(error).to.be.instanceOf(DeadlineExceededError);
  });

  it('is its own for work whose signal does not abort in time', async () => {
    const hang: Respond = (_endpoint, { signal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    const { call } = setUp(two, hang);
    const scope = scopeOf({ deadline: Deadline.after(10), endsInTime: false });
    const error = await failureOf(runInScope(scope, () => call('orders').post('/x')));
    expect(error).to.be.instanceOf(DeadlineExceededError);
  });
});
