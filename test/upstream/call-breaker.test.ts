// What a call reports about its endpoint: to the breaker, the ejection and the load.
import { expect } from 'chai';
import { broken, failureOf, type Respond, setUp, two } from './call-kit.js';
import { endpoint, jsonResponse, problem } from './endpoints.js';

describe('the breaker of an endpoint', () => {
  it('opens when the endpoint fails, and calls then go to another endpoint without an attempt at this one', async () => {
    const { call, sent, breaker } = setUp(two, ({ id }) => jsonResponse(id === 'a' ? 500 : 200));
    for (let i = 0; i < 60; i++) await call('orders').get('/x');
    expect(breaker.state(1).state).to.equal('open');
    expect(breaker.state(2).state).to.equal('closed');
    sent.length = 0;
    for (let i = 0; i < 10; i++) expect((await call('orders').get('/x')).status).to.equal(200);
    expect(sent.map(({ id }) => id).join('')).to.equal('b'.repeat(10));
  });

  it('makes calls fail with BREAKER_OPEN and the time to wait when the breakers of all endpoints are open', async () => {
    const { call, time, sent } = setUp(two, () => jsonResponse(500));
    for (let i = 0; i < 40; i++) await call('orders').get('/x');
    sent.length = 0;
    time.now = 1_500;
    const error = await failureOf(call('orders').get('/x'));
    expect(error).to.include({ code: 'BREAKER_OPEN', status: 503 });
    expect(error.headers).to.deep.equal({ 'retry-after': '4' });
    expect(sent).to.deep.equal([]);
  });

  it('costs time in proportion to the number of endpoints when all breakers reject, open or half-open', async () => {
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
      const { call, breaker, time, sent } = setUp(many, () => jsonResponse(200));
      for (const { slot } of many) {
        for (let n = 0; n < 20; n++) breaker.settle(slot, breaker.admit(slot), 'failure');
      }
      time.now = tried === 'open' ? 100 : 5_000;
      for (const { slot } of many) if (tried === 'half-open') for (let n = 0; n < 3; n++) breaker.admit(slot);
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

  it('closes after three successful probes', async () => {
    let status = 500;
    const { call, time, breaker } = setUp([endpoint('a', { slot: 1 })], () => jsonResponse(status));
    for (let i = 0; i < 20; i++) await call('orders').get('/x');
    expect(breaker.state(1).state).to.equal('open');
    status = 200;
    time.now = 5_000;
    for (let i = 0; i < 3; i++) expect((await call('orders').get('/x')).status).to.equal(200);
    expect(breaker.state(1).state).to.equal('closed');
  });

  it('counts a 4xx as a success, and a 429 and OVERLOADED as nothing', async () => {
    const { call, breaker } = setUp([endpoint('a', { slot: 1 })], (_endpoint, { path }) => {
      const status = Number(path.slice(1));
      return status === 503 ? problem(503, 'OVERLOADED') : jsonResponse(status);
    });
    for (const status of [404, 409, 422, 429]) await call('orders').post(`/${status}`);
    await call('orders').post('/503');
    expect(breaker.state(1)).to.deep.equal({ state: 'closed', calls: 3, failures: 0 });
  });

  it('counts slow calls as failures, unless slowCallMs is 0', async () => {
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
          return jsonResponse(200);
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
      return jsonResponse(200);
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
    const { call, breaker, sent } = setUp(local, () => jsonResponse(500));
    for (let i = 0; i < 20; i++) await call('orders').get('/x');
    expect(breaker.state(1).state).to.equal('open');
    expect((await failureOf(call('orders').get('/x'))).code).to.equal('BREAKER_OPEN');
    expect(sent.map(({ over }) => over)).to.deep.equal(Array(20).fill('in-process'));
  });

  it('leaves the error of the attempt as it is when it opens during a retry', async () => {
    const { call, breaker } = setUp([endpoint('a', { slot: 1 })], () => {
      breaker.force(1, 'open');
      return broken();
    });
    expect((await failureOf(call('orders').get('/x'))).code).to.equal('BAD_UPSTREAM');
  });

  it('does not count a call whose caller left', async () => {
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

describe('the ejection of an endpoint', () => {
  const three = ['a', 'b', 'c'].map((id, slot) => endpoint(id, { slot: slot + 1 }));

  it('follows five gateway failures in a row, and retries go to other endpoints', async () => {
    const failures: readonly Respond[] = [
      broken,
      () => jsonResponse(502),
      () => problem(503, 'DRAINING'),
      () => jsonResponse(504),
    ];
    for (const failing of failures) {
      const { call, ids, sent } = setUp(three, (to, request) =>
        to.id === 'b' ? failing(to, request) : jsonResponse(200),
      );
      for (let i = 0; i < 60; i++) expect((await call('orders').get('/x')).status).to.equal(200);
      expect(sent.filter(({ id }) => id === 'b')).to.have.length(5);
      expect(ids().slice(-8)).to.match(/^(ac|ca)+$/);
    }
  });

  it('does not follow a 500, a 404, a 429 or OVERLOADED', async () => {
    for (const given of [
      jsonResponse(500),
      jsonResponse(404),
      jsonResponse(429),
      problem(503, 'OVERLOADED'),
    ]) {
      const { call, sent } = setUp(three, ({ id }) => (id === 'b' ? given : jsonResponse(200)));
      for (let i = 0; i < 30; i++) await call('orders').get('/x', { retries: 0 });
      expect(sent.filter(({ id }) => id === 'b')).to.have.length(10);
    }
  });

  it('resets its breaker, which begins with an empty window when the endpoint returns', async () => {
    const { call, breaker, time } = setUp(three, ({ id }) => (id === 'b' ? broken() : jsonResponse(200)));
    for (let i = 0; i < 15; i++) await call('orders').get('/x');
    expect(breaker.state(2)).to.deep.equal({ state: 'closed', calls: 0, failures: 0 });
    time.now = 30_000;
    await call('orders').get('/x');
    expect(breaker.state(2)).to.deep.equal({ state: 'closed', calls: 1, failures: 1 });
  });
});

describe('the load of an endpoint', () => {
  it('counts a call in flight until it ends, with or without a response', async () => {
    const seen: number[] = [];
    const { call, load } = setUp([endpoint('a', { slot: 1 })], (_endpoint, { path }) => {
      seen.push(load.inFlight(1));
      return path === '/bad' ? broken() : jsonResponse(200);
    });
    await call('orders').get('/x');
    await failureOf(call('orders').get('/bad', { retries: 0 }));
    expect(seen).to.deep.equal([1, 1]);
    expect(load.inFlight(1)).to.equal(0);
  });

  it('contains the latency of successes, not of quick failures', async () => {
    const { call, load, time } = setUp([endpoint('a', { slot: 1 })], (_endpoint, { path }) => {
      time.now += path === '/x' ? 20 : 1;
      return jsonResponse(path === '/x' ? 200 : 500);
    });
    await call('orders').get('/x');
    await call('orders').get('/refused');
    expect(load.smoothedLatency(1)).to.equal(20_000);
  });
});
