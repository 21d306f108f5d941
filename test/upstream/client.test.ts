// The whole path of a call with real cells, balancer and policies; only what is sent is scripted.
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError, HttpError } from '#src/errors.js';
import { Block } from '#src/memory/block.js';
import { BreakerCells } from '#src/memory/breaker/breaker-cell.js';
import { RetryBudgetCell } from '#src/memory/budget-cell.js';
import { BulkheadCells } from '#src/memory/bulkhead-cells.js';
import { CallClaims } from '#src/memory/call-claims.js';
import { EjectionCells } from '#src/memory/ejection-cells.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { ejectionRule } from '#src/resilience/ejection.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import { runInScope, type Scope } from '#src/scope.js';
import { Balancer } from '#src/upstream/balancer.js';
import { receive } from '#src/upstream/buffered-response.js';
import { type CallDependencies, createCall } from '#src/upstream/client.js';
import { endpointStatuses } from '#src/upstream/endpoint-status.js';
import { forgettingBreakers, Outliers } from '#src/upstream/outliers.js';
import { SingleFlight } from '#src/upstream/single-flight.js';
import type { OutgoingRequest, Received } from '#src/upstream/transport.js';
import { heldScope } from '#test/support/held-scope.js';
import { answer, endpoint, problem } from './endpoints.js';
import { roundRobinPicker } from './round-robin.js';

type Answering = (endpoint: Endpoint, request: OutgoingRequest) => Received | Promise<Received>;

const two = [endpoint('a', { slot: 1 }), endpoint('b', { slot: 2 })];
const broken = () => Promise.reject(new HttpError('BAD_UPSTREAM', 'broken'));

function setUp(endpoints: readonly Endpoint[], answering: Answering, more: Partial<CallDependencies> = {}) {
  const time = { now: 0 };
  const clock = () => time.now;
  const block = Block.create({ workers: 1 });
  const breaker = new BreakerCells(block, 1, DEFAULT_TRIP_RULE, clock);
  const rule = ejectionRule(30_000);
  const told = { ejected: () => undefined, returned: () => undefined };
  const ejections = new EjectionCells(block, rule, clock, forgettingBreakers(breaker, told));
  const load = new EndpointCells(block, 1, clock);
  const places = new BulkheadCells(block, 1);
  const sent: { id: string; over: string; request: OutgoingRequest }[] = [];
  const observed: string[] = [];
  const over = (name: string) => ({
    send: async (to: Endpoint, request: OutgoingRequest) => {
      sent.push({ id: to.id, over: name, request });
      return answering(to, request);
    },
    close: async () => undefined,
  });
  const call = createCall({
    balancer: new Balancer({
      endpoints: () => endpoints,
      picker: roundRobinPicker,
      statuses: endpointStatuses(ejections, rule),
      clock,
      random: () => 0,
    }),
    outliers: new Outliers({ cells: ejections, endpoints: () => endpoints }),
    slowCallMs: 10_000,
    breaker,
    load,
    budget: new RetryBudgetCell(block, clock),
    singleFlight: new SingleFlight(new CallClaims(block, 1), { receive() {}, send() {} }),
    callPermitsOf: (service) => ({
      permits: places.of(service),
      refused: () => void observed.push(`full ${service}`),
    }),
    transports: { http: over('http'), inProcess: over('in-process') },
    clock,
    random: () => 0,
    sleep: async () => undefined,
    observer: {
      attempt: ({ id }, method, path, attempt, trace) => ({
        trace,
        end: (result) => {
          const how = 'status' in result ? result.status : (result.error as HttpError).code;
          observed.push(`${method} ${path} ${id} ${attempt} ${how}`);
        },
      }),
      budgetExhausted: (service) => observed.push(`exhausted ${service}`),
      hedged: (service, outcome) => observed.push(`hedge ${service} ${outcome}`),
      shared: (service) => observed.push(`shared ${service}`),
    },
    ...more,
  });
  return { call, time, breaker, load, sent, observed, ids: () => sent.map(({ id }) => id).join('') };
}

function scopeOf(members: Partial<Scope> = {}): Scope {
  return {
    requestId: 'r-1',
    deadline: Deadline.after(60_000),
    signal: new AbortController().signal,
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true, tracestate: undefined },
    service: 'users',
    ...members,
  };
}

/** A 503 as our own server writes it. */
function unavailable(executed: boolean): Received {
  const headers = {
    'content-type': 'application/problem+json',
    ...(!executed && { 'x-multilane-executed': 'false' }),
  };
  return receive(503, headers, Buffer.from(JSON.stringify({ code: 'STARTING', executed })));
}

async function failureOf(promise: Promise<unknown>): Promise<HttpError> {
  const error = await promise.then(
    () => expect.fail('nothing was thrown'),
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(HttpError);
  return error as HttpError;
}

describe('call', () => {
  it('answers with what the service answered, whatever its status', async () => {
    const { call, ids } = setUp(two, () => answer(404, { code: 'NOT_FOUND' }));
    const response = await call('orders').get('/x');
    expect(response.status).to.equal(404);
    expect(response.json()).to.deep.equal({ code: 'NOT_FOUND' });
    expect(ids()).to.equal('a');
  });

  it('refuses a name that is no service name', () => {
    const { call } = setUp(two, () => answer(200));
    for (const name of ['', 'Orders', '../x', 'a b']) expect(() => call(name)).to.throw(TypeError);
  });

  it('is NO_INSTANCE when there is none', async () => {
    const { call } = setUp([], () => answer(200));
    const error = await failureOf(call('orders').get('/x'));
    expect(error).to.include({ code: 'NO_INSTANCE', status: 503 });
    expect(error.headers).to.deep.equal({ 'retry-after': '1' });
  });

  it('goes in-process to an instance of this process, over the network to others', async () => {
    const { call, sent } = setUp([endpoint('a', { local: true }), endpoint('b', { slot: 2 })], ({ local }) =>
      local ? problem(503, 'STARTING') : answer(200),
    );
    expect((await call('orders').get('/x')).status).to.equal(200);
    expect(sent.map(({ over }) => over)).to.deep.equal(['in-process', 'http']);
  });

  describe('repeats', () => {
    it('idempotent calls up to twice, each time elsewhere while there is somewhere else', async () => {
      const { call, ids, observed } = setUp(two, broken);
      expect((await failureOf(call('orders').get('/x?secret=1'))).code).to.equal('BAD_UPSTREAM');
      expect(ids()).to.match(/^(aba|abb)$/);
      expect(observed[0]).to.equal('GET /x a 1 BAD_UPSTREAM');
      expect(observed).to.have.length(3);
    });

    it('until one answers', async () => {
      const { call, ids } = setUp(two, ({ id }) => (id === 'a' ? problem(503, 'DRAINING') : answer(200)));
      expect((await call('orders').put('/x', { json: 1 })).status).to.equal(200);
      expect(ids()).to.equal('ab');
    });

    it('and gives the last answer back when none does', async () => {
      const { call, ids } = setUp(two, () => problem(503, 'DRAINING'));
      expect((await call('orders').delete('/x')).status).to.equal(503);
      expect(ids()).to.have.length(3);
    });

    it('no POST or PATCH, unless it carries an idempotency key', async () => {
      const { call, sent } = setUp(two, broken);
      await failureOf(call('orders').post('/x', { json: {} }));
      await failureOf(call('orders').patch('/x', { json: {}, retries: 5 }));
      expect(sent).to.have.length(2);
      await failureOf(call('orders').post('/x', { json: {}, idempotencyKey: 'k' }));
      await failureOf(call('orders').post('/x', { json: {}, headers: { 'Idempotency-Key': 'k' } }));
      expect(sent).to.have.length(2 + 3 + 3);
      expect(sent.at(-1)!.request.headers['idempotency-key']).to.equal('k');
    });

    it('no POST or PATCH on a 503, whether the handler ran or not, and tells the caller which', async () => {
      for (const executed of [true, false]) {
        const { call, sent } = setUp(two, () => unavailable(executed));
        for (const method of ['POST', 'PATCH']) {
          const response = await call('orders').request(method, '/x', { json: {} });
          expect([response.status, response.notExecuted]).to.deep.equal([503, !executed]);
        }
        expect(sent).to.have.length(2);
        expect((await call('orders').get('/x')).notExecuted).to.equal(!executed);
        expect(sent).to.have.length(2 + 3);
      }
    });

    it('nothing that the callee passed on from a call of its own', async () => {
      for (const status of [502, 503, 504]) {
        const { call, sent } = setUp(two, () =>
          receive(status, { 'x-multilane-final': '1' }, Buffer.alloc(0)),
        );
        const response = await call('orders').get('/x', { retries: 5 });
        expect([response.status, sent.length]).to.deep.equal([status, 1]);
      }
    });

    it('as often as it is told', async () => {
      const { call, sent } = setUp(two, broken);
      await failureOf(call('orders').get('/x', { retries: 0 }));
      expect(sent).to.have.length(1);
      await failureOf(call('orders').get('/x', { retries: 4 }));
      expect(sent).to.have.length(1 + 5);
    });

    it('nothing that failed by itself: 500, 4xx, 429', async () => {
      for (const status of [500, 404, 429]) {
        const { call, sent } = setUp(two, () => answer(status));
        expect((await call('orders').get('/x')).status).to.equal(status);
        expect(sent).to.have.length(1);
      }
    });

    it('only as long as the budget of the process lasts', async () => {
      const { call, sent, observed, breaker } = setUp(two, broken);
      for (const { slot } of two) breaker.force(slot, 'closed');
      for (let i = 0; i < 100; i++) await failureOf(call('orders').get('/x'));
      // A fifth of a hundred, and ten at once.
      expect(sent).to.have.length(100 + 20 + 10);
      expect(observed).to.include('exhausted orders');
    });
  });

  describe('reports to the request that makes it', () => {
    const failures = async (answering: Answering, endpoints = two, options = {}): Promise<number> => {
      let failed = 0;
      const scope = scopeOf({ callFailed: () => void failed++ });
      const { call } = setUp(endpoints, answering);
      await runInScope(scope, () => call('orders').get('/x', options)).catch(() => undefined);
      return failed;
    };

    it('a failure that is left after all attempts, once, whether it is thrown or returned', async () => {
      for (const status of [502, 503, 504]) expect(await failures(() => answer(status))).to.equal(1);
      expect(await failures(broken)).to.equal(1);
      expect(await failures(broken, two, { singleFlight: true })).to.equal(1);
      expect(await failures(() => answer(200), [])).to.equal(1);
    });

    it('nothing else', async () => {
      for (const status of [200, 404, 429, 500]) expect(await failures(() => answer(status))).to.equal(0);
      expect(await failures(({ id }) => answer(id === 'a' ? 503 : 200))).to.equal(0);
      expect(await failures(() => Promise.reject(new TypeError('mine')))).to.equal(0);
    });
  });

  describe('breaker', () => {
    it('opens for the endpoint that fails, and calls go to the other one without an attempt', async () => {
      const { call, sent, breaker } = setUp(two, ({ id }) => answer(id === 'a' ? 500 : 200));
      for (let i = 0; i < 60; i++) await call('orders').get('/x');
      expect(breaker.state(1).state).to.equal('open');
      expect(breaker.state(2).state).to.equal('closed');
      sent.length = 0;
      for (let i = 0; i < 10; i++) expect((await call('orders').get('/x')).status).to.equal(200);
      expect(sent.map(({ id }) => id).join('')).to.equal('b'.repeat(10));
    });

    it('is BREAKER_OPEN with the time to wait when all are open', async () => {
      const { call, time, sent } = setUp(two, () => answer(500));
      for (let i = 0; i < 40; i++) await call('orders').get('/x');
      sent.length = 0;
      time.now = 1_500;
      const error = await failureOf(call('orders').get('/x'));
      expect(error).to.include({ code: 'BREAKER_OPEN', status: 503 });
      expect(error.headers).to.deep.equal({ 'retry-after': '4' });
      expect(sent).to.deep.equal([]);
    });

    it('is asked for in proportion to the instances when all refuse, whatever they refuse by', async () => {
      for (const tried of ['open', 'half-open']) {
        let reads = 0;
        const many = Array.from({ length: 500 }, (_, slot) =>
          Object.defineProperty(endpoint('', { slot, weight: 1 + (slot % 3) }), 'id', {
            get() {
              reads++;
              return `i${slot}`;
            },
          }),
        );
        const { call, breaker, time, sent } = setUp(many, () => answer(200));
        for (const { slot } of many) {
          for (let n = 0; n < 20; n++) breaker.settle(slot, breaker.admit(slot), 'failure');
        }
        time.now = tried === 'open' ? 100 : 5_000;
        for (const { slot } of many)
          if (tried === 'half-open') for (let n = 0; n < 3; n++) breaker.admit(slot);
        await failureOf(call('orders').get('/x'));
        reads = 0;
        expect((await failureOf(call('orders').get('/x'))).code, tried).to.equal('BREAKER_OPEN');
        expect(reads, tried).to.be.below(20 * many.length);
        breaker.force(many[7]!.slot, 'closed');
        expect((await call('orders').get('/x')).status, tried).to.equal(200);
        expect(
          sent.map(({ id }) => id),
          tried,
        ).to.deep.equal(['i7']);
      }
    });

    it('closes again after three probes that succeed', async () => {
      let status = 500;
      const { call, time, breaker } = setUp([endpoint('a', { slot: 1 })], () => answer(status));
      for (let i = 0; i < 20; i++) await call('orders').get('/x');
      expect(breaker.state(1).state).to.equal('open');
      status = 200;
      time.now = 5_000;
      for (let i = 0; i < 3; i++) expect((await call('orders').get('/x')).status).to.equal(200);
      expect(breaker.state(1).state).to.equal('closed');
    });

    it('counts business answers as success, and 429 and OVERLOADED for nothing', async () => {
      const { call, breaker } = setUp([endpoint('a', { slot: 1 })], (_endpoint, { path }) => {
        const status = Number(path.slice(1));
        return status === 503 ? problem(503, 'OVERLOADED') : answer(status);
      });
      for (const status of [404, 409, 422, 429]) await call('orders').post(`/${status}`);
      await call('orders').post('/503');
      expect(breaker.state(1)).to.deep.equal({ state: 'closed', calls: 3, failures: 0 });
    });

    it('counts slow calls as failures, unless no call is too slow', async () => {
      const cases: readonly [tookMs: number, slowCallMs: number, failures: number][] = [
        [10_000, 10_000, 1],
        [9_999, 10_000, 0],
        [600_000, 0, 0],
      ];
      for (const [tookMs, slowCallMs, failures] of cases) {
        const { call, breaker, time } = setUp(
          [endpoint('a', { slot: 1 })],
          () => {
            time.now += tookMs;
            return answer(200);
          },
          { slowCallMs },
        );
        await call('orders').get('/x', { timeoutMs: 3_600_000 });
        expect(breaker.state(1)).to.deep.equal({ state: 'closed', calls: 1, failures });
      }
    });

    it('opens for slow calls alone, and a slow probe does not close it', async () => {
      const { call, breaker, time } = setUp([endpoint('a', { slot: 1 })], () => {
        time.now += 10_000;
        return answer(200);
      });
      const slow = Array.from({ length: 20 }, () => call('orders').get('/x'));
      await Promise.all(slow);
      expect(breaker.state(1).state).to.equal('open');
      time.now += 5_000;
      await call('orders').get('/x');
      expect(breaker.state(1).state).to.equal('open');
    });

    it('is the same for calls within the process', async () => {
      const local = [endpoint('a', { slot: 1, local: true })];
      const { call, breaker, sent } = setUp(local, () => answer(500));
      for (let i = 0; i < 20; i++) await call('orders').get('/x');
      expect(breaker.state(1).state).to.equal('open');
      expect((await failureOf(call('orders').get('/x'))).code).to.equal('BREAKER_OPEN');
      expect(sent.map(({ over }) => over)).to.deep.equal(Array(20).fill('in-process'));
    });

    it('says what happened, not that it is open now, when it opens during a retry', async () => {
      const { call, breaker } = setUp([endpoint('a', { slot: 1 })], () => {
        breaker.force(1, 'open');
        return broken();
      });
      expect((await failureOf(call('orders').get('/x'))).code).to.equal('BAD_UPSTREAM');
    });

    it('is not fed by callers that leave', async () => {
      const controller = new AbortController();
      const { call, breaker, sent } = setUp([endpoint('a', { slot: 1 })], (_endpoint, { signal }) => {
        controller.abort(new Error('left'));
        return Promise.reject(signal.reason as Error);
      });
      const error = await call('orders')
        .get('/x', { signal: controller.signal })
        .catch((reason: unknown) => reason);
      expect(error).to.have.property('message', 'left');
      expect(breaker.state(1)).to.include({ calls: 0 });
      expect(sent).to.have.length(1);
    });
  });

  describe('ejection', () => {
    const three = ['a', 'b', 'c'].map((id, slot) => endpoint(id, { slot: slot + 1 }));

    it('takes out who fails five times in a row, whatever fails, and what is retried goes elsewhere', async () => {
      const failures: readonly Answering[] = [
        broken,
        () => answer(502),
        () => problem(503, 'DRAINING'),
        () => answer(504),
      ];
      for (const failing of failures) {
        const { call, ids, sent } = setUp(three, (to, request) =>
          to.id === 'b' ? failing(to, request) : answer(200),
        );
        for (let i = 0; i < 60; i++) expect((await call('orders').get('/x')).status).to.equal(200);
        expect(sent.filter(({ id }) => id === 'b')).to.have.length(5);
        expect(ids().slice(-8)).to.match(/^(ac|ca)+$/);
      }
    });

    it('leaves alone who answers: 500, 404, 429, OVERLOADED', async () => {
      for (const given of [answer(500), answer(404), answer(429), problem(503, 'OVERLOADED')]) {
        const { call, sent } = setUp(three, ({ id }) => (id === 'b' ? given : answer(200)));
        for (let i = 0; i < 30; i++) await call('orders').get('/x', { retries: 0 });
        expect(sent.filter(({ id }) => id === 'b')).to.have.length(10);
      }
    });

    it('lets the breaker of who is out rest, and begin with an empty window', async () => {
      const { call, breaker, time } = setUp(three, ({ id }) => (id === 'b' ? broken() : answer(200)));
      for (let i = 0; i < 15; i++) await call('orders').get('/x');
      expect(breaker.state(2)).to.deep.equal({ state: 'closed', calls: 0, failures: 0 });
      time.now = 30_000;
      await call('orders').get('/x');
      expect(breaker.state(2)).to.deep.equal({ state: 'closed', calls: 1, failures: 1 });
    });
  });

  describe('load', () => {
    it('is one more in flight during a call, and back afterwards, however it ends', async () => {
      const seen: number[] = [];
      const { call, load } = setUp([endpoint('a', { slot: 1 })], (_endpoint, { path }) => {
        seen.push(load.inFlight(1));
        return path === '/bad' ? broken() : answer(200);
      });
      await call('orders').get('/x');
      await failureOf(call('orders').get('/bad', { retries: 0 }));
      expect(seen).to.deep.equal([1, 1]);
      expect(load.inFlight(1)).to.equal(0);
    });

    it('learns latency from answers that count, not from quick refusals', async () => {
      const { call, load, time } = setUp([endpoint('a', { slot: 1 })], (_endpoint, { path }) => {
        time.now += path === '/x' ? 20 : 1;
        return answer(path === '/x' ? 200 : 500);
      });
      await call('orders').get('/x');
      await call('orders').get('/refused');
      expect(load.smoothedLatency(1)).to.equal(20_000);
    });
  });

  describe('deadline', () => {
    it('is that of the request, or an earlier one of the call; what remains travels', async () => {
      const { call, sent } = setUp(two, () => answer(200));
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

    it('is DEADLINE_EXCEEDED without an attempt when it has passed', async () => {
      const { call, sent } = setUp(two, () => answer(200));
      const late = scopeOf({ deadline: Deadline.after(0) });
      expect((await failureOf(runInScope(late, () => call('orders').get('/x')))).code).to.equal(
        'DEADLINE_EXCEEDED',
      );
      expect(sent).to.deep.equal([]);
    });

    it('refuses a time that is none, also for a call that is shared, before anything is sent', async () => {
      const { call, sent } = setUp(two, () => answer(200));
      for (const singleFlight of [false, true]) {
        const asked = call('orders').get('/x', { timeoutMs: Number.NaN, singleFlight });
        const error = await asked.catch((reason: unknown) => reason);
        expect(error).to.be.instanceOf(TypeError);
      }
      expect(sent).to.deep.equal([]);
    });

    it('is DEADLINE_EXCEEDED when no answer comes before it, and the endpoint has failed', async () => {
      const hang: Answering = (_endpoint, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        );
      const { call, breaker, sent } = setUp([endpoint('a', { slot: 1 })], hang);
      const error = await failureOf(call('orders').get('/x', { timeoutMs: 10 }));
      expect(error).to.be.instanceOf(DeadlineExceededError);
      expect(breaker.state(1)).to.deep.equal({ state: 'closed', calls: 1, failures: 1 });
      expect(sent).to.have.length(1);
    });

    it('is DEADLINE_EXCEEDED too when the request is aborted at its deadline with another reason', async () => {
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
  });

  it('may be made many times at once by one request, without a warning of a leak', async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warn);
    const { call } = setUp(two, async (_endpoint, { signal }) => {
      signal.addEventListener('abort', () => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      return answer(200);
    });
    await runInScope(scopeOf(), () =>
      Promise.all(Array.from({ length: 30 }, () => call('orders').get('/x'))),
    );
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', warn);
    expect(warnings).to.deep.equal([]);
  });

  describe('sends', () => {
    it('request id, trace, deadline, key and body; and the mesh token when there is one', async () => {
      const { call, sent } = setUp(two, () => answer(200), {
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
      const { call, sent } = setUp(two, () => answer(200));
      await call('orders').get('/x', { headers: { 'x-mesh-token': 'mine' } });
      expect(sent[0]!.request.headers).not.to.have.property('x-mesh-token');
    });

    it('no mesh token within the process, where it proves nothing', async () => {
      const { call, sent } = setUp([endpoint('a', { local: true })], () => answer(200), {
        meshToken: (service) => `proof for ${service}`,
      });
      await call('orders').get('/x');
      expect(sent[0]!.over).to.equal('in-process');
      expect(sent[0]!.request.headers).not.to.have.property('x-mesh-token');
    });

    it('nothing while as many calls as may be are under way, over all workers', async () => {
      const finish: ((response: Received) => void)[] = [];
      const { call, sent, observed } = setUp(two, () => new Promise((resolve) => void finish.push(resolve)));
      const get = (maxConcurrent?: number) =>
        call('orders').get('/x', maxConcurrent === undefined ? {} : { maxConcurrent });
      const running = [get(2), get(2), get()];
      const refused = await get(2).catch((error: unknown) => error);
      expect(refused).to.deep.include({ code: 'OVERLOADED', status: 503, headers: { 'retry-after': '1' } });
      expect([sent.length, observed]).to.deep.equal([3, ['full orders']]);
      running.push(get(3));
      for (const answered of finish) answered(answer(200));
      await Promise.all(running);
      const again = get(1);
      finish.at(-1)!(answer(200));
      expect((await again).status).to.equal(200);
      expect(await get(0).catch((error: unknown) => error)).to.be.instanceOf(TypeError);
    });

    it('no places of a service that has no instance', async () => {
      const asked: string[] = [];
      const callPermitsOf = (service: string) => {
        asked.push(service);
        return { permits: { enter: () => true, leave() {} }, refused() {} };
      };
      const { call } = setUp([], () => Promise.resolve(answer(200)), { callPermitsOf });
      const error = await failureOf(call('anything').get('/x', { maxConcurrent: 2 }));
      expect([error.code, asked]).to.deep.equal(['NO_INSTANCE', []]);
    });

    it('once for all who want the same at the same time, if they say so', async () => {
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
      for (const answered of finish) answered(answer(200, 'x'));
      for (const response of await Promise.all(waiting)) expect(response.text()).to.equal('"x"');
      expect(observed.filter((event) => event.startsWith('shared'))).to.deep.equal(['shared orders']);
      for (const bad of [
        orders.post('/x', { singleFlight: true }),
        orders.get('/x', { body: 'b', singleFlight: true }),
      ]) {
        expect(await bad.catch((error: unknown) => error)).to.be.instanceOf(TypeError);
      }
    });

    it('beyond the deadline of who began it, when it is shared', async () => {
      const finish: ((response: Received) => void)[] = [];
      const answering = () => new Promise<Received>((resolve) => void finish.push(resolve));
      const { call, sent } = setUp(two, answering, { timeoutMs: 9_000 });
      const get = () => call('orders').get('/x', { singleFlight: true });
      const hurried = runInScope(scopeOf({ deadline: Deadline.after(30) }), get);
      const patient = runInScope(scopeOf({ deadline: Deadline.after(60_000) }), get);
      expect(await hurried.catch((error: unknown) => error)).to.have.property('code', 'DEADLINE_EXCEEDED');
      expect(sent[0]!.request.signal.aborted).to.equal(false);
      expect(Number(sent[0]!.request.headers['x-request-deadline'])).to.be.within(8_000, 9_000);
      finish[0]!(answer(200, 'x'));
      expect((await patient).text()).to.equal('"x"');
      expect(sent.length).to.equal(1);
    });

    it('nothing when the request is not one', async () => {
      const { call, sent } = setUp(two, () => answer(200));
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

describe('a call of a request that is broken off', () => {
  it('gives back its place, its load and its ticket, once, also when it ends after all', async () => {
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
    ends[0]!(answer(200));
    await lost;
    expect(load.inFlight(only!.slot), 'of the next call').to.equal(1);
    expect(await failureOf(get())).to.have.property('code', 'OVERLOADED');
    ends[1]!(answer(200));
    await next;
    expect(breaker.state(only!.slot), 'only the next one counts').to.include({ calls: 1, failures: 0 });
    expect(observed.filter((text) => text.endsWith('200'))).to.have.length(2);
  });
});
