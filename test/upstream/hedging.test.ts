// The option `hedgeMs` with servers that respond, fail and hang, over real connections.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { Block } from '#src/memory/block.js';
import { BreakerCells } from '#src/memory/breaker/breaker-cell.js';
import { RetryBudgetCell } from '#src/memory/budget-cell.js';
import { CallClaims } from '#src/memory/call-claims.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import { Balancer } from '#src/upstream/balancer.js';
import type { CallByName, CallOptions } from '#src/upstream/call.js';
import { SILENT } from '#src/upstream/call-observer.js';
import { createCall } from '#src/upstream/client.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { InProcessTransport } from '#src/upstream/in-process-transport.js';
import { SingleFlight } from '#src/upstream/single-flight.js';
import type { Dispatch } from '#src/upstream/transport.js';
import { answering, cutting, silent, TestInstance } from '#test/support/instance.js';
import { until } from '#test/support/until.js';
import { ALL_SETTLED, endpoint, NO_STREAMS } from './endpoints.js';
import { roundRobinPicker } from './round-robin.js';

const AsyncFunction = (async () => undefined).constructor as new (
  ...text: string[]
) => (call: CallByName) => Promise<void>;

/** Longer than any response takes here, so that no second attempt is made by chance. */
const LONG_MS = 20_000;

describe('the option hedgeMs', () => {
  let slow: TestInstance;
  let quick: TestInstance;
  let http: HttpTransport;
  beforeEach(async () => {
    [slow, quick] = await Promise.all([TestInstance.listen('a'), TestInstance.listen('b')]);
    http = new HttpTransport();
  });
  afterEach(async () => {
    await http.close();
    slow.stop();
    quick.stop();
  });

  function setUp(instances = [slow, quick], dispatch?: Dispatch) {
    const block = Block.create({ workers: 1 });
    const clock = () => performance.now();
    const endpoints = instances.map(({ id, port }, index) =>
      endpoint(id, { port, slot: index + 1, local: dispatch !== undefined && id === 'a' }),
    );
    const breaker = new BreakerCells(block, 1, DEFAULT_TRIP_RULE, clock);
    const load = new EndpointCells(block, 1, clock);
    // Its clock does not advance, so tokens that were used are not replaced.
    const budget = new RetryBudgetCell(block, () => 0);
    const observed: string[] = [];
    const call = createCall({
      ...NO_STREAMS,
      balancer: new Balancer({
        endpoints: () => endpoints,
        picker: roundRobinPicker,
        statuses: ALL_SETTLED,
        clock,
        random: Math.random,
      }),
      breaker,
      load,
      budget,
      singleFlight: new SingleFlight(new CallClaims(block, 1), { receive() {}, send() {} }),
      callPermitsOf: () => ({ permits: { enter: () => true, leave() {}, held: 0 }, refused() {} }),
      transports: {
        http,
        ...(dispatch === undefined ? {} : { inProcess: new InProcessTransport(dispatch) }),
      },
      clock,
      random: Math.random,
      observer: {
        ...SILENT,
        hedged: (_service, outcome) => observed.push(outcome),
        budgetExhausted: () => observed.push('exhausted'),
      },
    });
    const get = async (options: CallOptions) =>
      (await call('things').get('/x', options)).headers['x-instance'];
    return { call, get, breaker, load, budget, observed };
  }

  it('sends the request to another instance when the first does not respond, and cancels the first attempt', async () => {
    slow.behave = silent;
    const { get, breaker, load, observed } = setUp();
    expect(await get({ hedgeMs: 20 })).to.equal('b');
    expect(
      await until(
        () => slow.abandoned,
        (count) => count === 1,
      ),
    ).to.equal(1);
    expect([slow.received, quick.received]).to.deep.equal([1, 1]);
    expect(observed).to.deep.equal(['won']);
    // An attempt that was slower than another one is no failure. Its latency is at least the time it was
    // given.
    expect(breaker.state(1)).to.deep.equal({ state: 'closed', calls: 0, failures: 0 });
    expect(breaker.state(2)).to.deep.equal({ state: 'closed', calls: 1, failures: 0 });
    expect(load.smoothedLatency(1)).to.be.at.least(20_000);
    expect([load.inFlight(1), load.inFlight(2)]).to.deep.equal([0, 0]);
  });

  it('makes no second attempt when the response comes in time', async () => {
    const { get, observed } = setUp();
    expect(await get({ hedgeMs: LONG_MS })).to.equal('a');
    expect([slow.received, quick.received, observed.length]).to.deep.equal([1, 0, 0]);
  });

  it('uses the response of the first attempt when it comes before that of the second', async () => {
    const asked = once(quick, 'asked');
    quick.behave = () => quick.emit('asked');
    slow.behave = (request, response) => void asked.then(() => answering(200)(request, response));
    const { get, observed } = setUp();
    expect(await get({ hedgeMs: 5 })).to.equal('a');
    expect(
      await until(
        () => quick.abandoned,
        (count) => count === 1,
      ),
    ).to.equal(1);
    expect(observed).to.deep.equal(['lost']);
  });

  it('does not use a failure while the other attempt runs, and retries when both fail', async () => {
    const asked = once(quick, 'asked');
    let tries = 0;
    quick.behave = (request, response) => {
      quick.emit('asked');
      (tries++ === 0 ? cutting : answering(200))(request, response);
    };
    slow.behave = (request, response) => void asked.then(() => answering(503)(request, response));
    const { call, observed } = setUp();
    expect((await call('things').get('/x', { hedgeMs: 5, retries: 3 })).status).to.equal(200);
    expect(observed).to.deep.equal(['failed']);
  });

  it('applies only to requests that may be executed twice', async () => {
    slow.behave = silent;
    const { call, observed } = setUp();
    const error = await call('things')
      .post('/x', { hedgeMs: 5, timeoutMs: 300 })
      .catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(HttpError).and.include({ code: 'DEADLINE_EXCEEDED' });
    expect([slow.received, quick.received, observed.length]).to.deep.equal([1, 0, 0]);
    const again = await call('things').put('/x', { hedgeMs: 5 });
    expect(again.status).to.equal(200);
    slow.behave = silent;
    const keyed = await call('things').post('/x', { hedgeMs: 5, idempotencyKey: 'k' });
    expect(keyed.headers['x-instance']).to.equal('b');
  });

  it('needs another instance than that of the first attempt', async () => {
    slow.behave = silent;
    const { get, observed } = setUp([slow]);
    const error = await get({ hedgeMs: 5, timeoutMs: 200 }).catch((reason: unknown) => reason);
    expect(error).to.include({ code: 'DEADLINE_EXCEEDED' });
    expect(slow.received).to.equal(1);
    expect(observed).to.deep.equal([]);
  });

  it('takes a token of the retry budget, and makes no second attempt without one', async () => {
    const { get, budget, observed } = setUp();
    while (budget.withdraw());
    slow.behave = (request, response) => void setTimeout(() => answering(200)(request, response), 60);
    expect(await get({ hedgeMs: 5 })).to.equal('a');
    expect(observed).to.deep.equal(['exhausted']);
    expect(quick.received).to.equal(0);
  });

  it('ends at the deadline: both attempts have failed then', async () => {
    slow.behave = silent;
    quick.behave = silent;
    const { get, breaker, observed } = setUp();
    const error = await get({ hedgeMs: 5, timeoutMs: 200 }).catch((reason: unknown) => reason);
    expect(error).to.include({ code: 'DEADLINE_EXCEEDED' });
    expect([slow.received, quick.received]).to.deep.equal([1, 1]);
    expect([breaker.state(1), breaker.state(2)]).to.deep.equal(
      Array(2).fill({ state: 'closed', calls: 1, failures: 1 }),
    );
    expect(observed).to.deep.equal(['failed']);
  });

  it('uses an instance of another process when that of this process does not respond', async () => {
    const signals: AbortSignal[] = [];
    const { get, breaker, observed } = setUp([slow, quick], (_service, { signal }) => {
      signals.push(signal);
      return new Promise(() => undefined);
    });
    expect(await get({ hedgeMs: 5 })).to.equal('b');
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true]);
    expect(breaker.state(1)).to.include({ calls: 0 });
    expect(observed).to.deep.equal(['won']);
  });

  it('works as the guide shows it', async () => {
    const guide = readFileSync('docs/resilience.md', 'utf8');
    const [, code = ''] = /^```js\n([\s\S]*?)^```$/m.exec(guide) ?? [];
    const { call } = setUp();
    const asked: string[] = [];
    for (const instance of [slow, quick]) {
      instance.behave = (request, response) => {
        asked.push(`${request.method} ${request.url}`);
        answering(200)(request, response);
      };
    }
    await new AsyncFunction('call', code)(call);
    // On a slow machine there may be one more second attempt.
    expect(asked.length).to.be.within(4, 6);
    expect([...new Set(asked)]).to.deep.equal(['GET /items', 'POST /orders']);
  });

  it('has to be a number of milliseconds', async () => {
    const { get } = setUp();
    for (const hedgeMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(await get({ hedgeMs }).catch((error: unknown) => error)).to.be.instanceOf(TypeError);
    }
  });

  it('returns the ticket of the second instance when the retry budget is exhausted', async () => {
    const { get, budget, breaker } = setUp();
    while (budget.withdraw());
    const settled: unknown[] = [];
    const settle = breaker.settle.bind(breaker);
    breaker.settle = (slot, ticket, outcome, now) => {
      settled.push([slot, outcome]);
      settle(slot, ticket, outcome, now);
    };
    slow.behave = (request, response) => void setTimeout(() => answering(200)(request, response), 60);
    await get({ hedgeMs: 5 });
    expect(settled).to.deep.equal([
      [2, 'ignored'],
      [1, 'success'],
    ]);
  });
});
