import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError, HttpError } from '#src/errors.js';
import { runInScope } from '#src/scope.js';
import { receive } from '#src/upstream/buffered-response.js';
import type { CallOptions, FallbackResponse } from '#src/upstream/call.js';
import { broken, failureOf, type Respond, scopeOf, setUp, two, unavailable } from './call-kit.js';
import { jsonResponse } from './endpoints.js';

describe('the fallback of a call', () => {
  /** A fallback that keeps the errors that it gets. */
  function substitute(result: FallbackResponse = { json: [] }) {
    const errors: HttpError[] = [];
    const fallback = (error: HttpError): FallbackResponse => {
      errors.push(error);
      return result;
    };
    return { errors, fallback };
  }

  /** Makes one call with a fallback. */
  async function callWith(respond: Respond, options: CallOptions = {}, endpoints = two) {
    const { errors, fallback } = substitute();
    const kit = setUp(endpoints, respond);
    const response = await kit.call('orders').get('/x', { fallback, ...options });
    return { ...kit, response, errors, codes: errors.map(({ code, status }) => `${code} ${status}`) };
  }

  it('stands in after all attempts, and is marked and counted', async () => {
    const { response, codes, sent, observed } = await callWith(broken);
    expect([response.status, response.json(), response.isFallback]).to.deep.equal([200, [], true]);
    expect(response.headers).to.include({ 'content-type': 'application/json' });
    expect(codes).to.deep.equal(['BAD_UPSTREAM 502']);
    expect(sent).to.have.length(3);
    expect(observed.at(-1)).to.equal('fallback orders');
  });

  it('is for a service without an instance, an open breaker, a full bulkhead and a deadline of the call', async () => {
    expect((await callWith(broken, {}, [])).codes).to.deep.equal(['NO_INSTANCE 503']);

    const open = setUp(two, broken);
    for (const { slot } of two) open.breaker.force(slot, 'open');
    const { errors, fallback } = substitute();
    await open.call('orders').get('/x', { fallback });

    const full = setUp(two, broken, {
      callPermitsOf: () => ({ permits: { enter: () => false, leave() {} }, refused() {} }),
    });
    await full.call('orders').get('/x', { fallback, maxConcurrent: 1 });

    const slow = setUp(two, (_, { signal }) => aborted(signal));
    await slow.call('orders').get('/x', { fallback, timeoutMs: 20 });
    const codes = errors.map(({ code }) => code);
    expect(codes).to.deep.equal(['BREAKER_OPEN', 'OVERLOADED', 'DEADLINE_EXCEEDED']);
  });

  it('is for responses with 502, 503 and 504, and gets an error that tells nothing of their text', async () => {
    const problem = { 'content-type': 'application/problem+json', 'retry-after': '7' };
    const body = Buffer.from('{"code":"DRAINING","detail":"secret"}');
    const draining = await callWith(() => receive(503, problem, body), { retries: 0 });
    expect(draining.codes).to.deep.equal(['DRAINING 503']);
    const [error] = draining.errors;
    expect(error!.message).to.equal('Service orders responded with 503.');
    expect(error!.headers).to.deep.equal({ 'retry-after': '7' });

    const odd = { 'content-type': 'application/problem+json', 'retry-after': 'x: y' };
    for (const [status, text] of [
      [502, '{"code":"OWN"}'],
      [503, '{"code":7}'],
      [504, '{'],
    ] as const) {
      const { codes, errors } = await callWith(() => receive(status, odd, Buffer.from(text)), { retries: 0 });
      expect(codes).to.deep.equal([`BAD_UPSTREAM ${status}`]);
      expect(errors[0]!.headers).to.equal(undefined);
    }
    expect((await callWith(() => unavailable(false), { retries: 0 })).response.notExecuted).to.equal(false);
  });

  it('is not for any other response', async () => {
    for (const status of [200, 404, 429, 500]) {
      const { response, errors, observed } = await callWith(() => jsonResponse(status));
      expect([response.status, response.isFallback, errors.length]).to.deep.equal([status, false, 0]);
      expect(observed.join()).to.not.include('fallback');
    }
  });

  it('is not for mistakes of the caller, nor for what is no failure of a call', async () => {
    const { errors, fallback } = substitute();
    const { call } = setUp(two, () => Promise.reject(new Error('a bug')));
    const ends = [
      call('orders').get('no path', { fallback }),
      call('orders').post('/x', { fallback, singleFlight: true }),
      call('orders').get('/x', { fallback, retires: 1 } as CallOptions),
      call('orders').get('/x', { fallback }),
    ].map((call) => call.catch((error: unknown) => (error as Error).constructor.name));
    expect(await Promise.all(ends)).to.deep.equal(['TypeError', 'TypeError', 'TypeError', 'Error']);
    expect(errors).to.deep.equal([]);
  });

  it('is not called when the caller aborts, whatever the reason is', async () => {
    const { errors, fallback } = substitute();
    const { call } = setUp(two, (_, { signal }) => aborted(signal));
    const reason = new HttpError('BAD_UPSTREAM', 'mine');
    const controller = new AbortController();
    const call1 = call('orders').get('/x', { fallback, signal: controller.signal });
    controller.abort(reason);
    expect(await failureOf(call1)).to.equal(reason);

    const abortSource = new OwnAbort();
    const scope = scopeOf({ abortSource, signal: abortSource.signal });
    const call2 = runInScope(scope, () => call('orders').get('/x', { fallback }));
    abortSource.abort(reason);
    expect(await failureOf(call2)).to.equal(reason);
    expect(errors).to.deep.equal([]);
  });

  it('is not called after the deadline of the running request', async () => {
    const { errors, fallback } = substitute();
    const { call } = setUp(two, (_, { signal }) => aborted(signal));
    const scope = scopeOf({ deadline: Deadline.after(20), endsInTime: false });
    const late = runInScope(scope, () => call('orders').get('/x', { fallback }));
    expect(await failureOf(late)).to.be.instanceOf(DeadlineExceededError);
    expect(errors).to.deep.equal([]);
  });

  it('does not mark the request as failed, unless it fails itself', async () => {
    let failed = 0;
    const scope = scopeOf({ callFailed: () => void failed++ });
    const { call } = setUp(two, broken);
    const variants: readonly CallOptions[] = [
      {},
      { singleFlight: true },
      { maxConcurrent: 5 },
      { retries: 0 },
    ];
    for (const options of variants) {
      const fallback = () => ({ json: 1 });
      await runInScope(scope, () => call('orders').get('/x', { ...options, fallback }));
    }
    expect(failed).to.equal(0);
    const rethrow = (error: HttpError): never => {
      throw error;
    };
    await runInScope(scope, () => failureOf(call('orders').get('/x', { fallback: rethrow })));
    expect(failed).to.equal(1);
  });

  it('marks the request as failed when it does not apply', async () => {
    let failed = 0;
    const abortSource = new OwnAbort();
    const scope = scopeOf({ abortSource, signal: abortSource.signal, callFailed: () => void failed++ });
    const { call } = setUp(two, () => {
      abortSource.abort('left');
      return jsonResponse(503);
    });
    const { fallback } = substitute();
    await runInScope(scope, () => call('orders').get('/x', { fallback, retries: 0 }));
    expect(failed).to.equal(1);
  });

  it('counts as nothing for the endpoints: their breakers open as without it', async () => {
    const { call, breaker } = setUp([two[0]!], broken);
    const { fallback } = substitute();
    for (let n = 0; n < 20; n += 1) await call('orders').get('/x', { fallback, retries: 0 });
    expect(breaker.admits(1)).to.equal(false);
  });

  it('may be asynchronous, and what it throws is the error of the call', async () => {
    const { call } = setUp(two, broken);
    const response = await call('orders').get('/x', {
      fallback: async () => ({ status: 203, headers: { 'X-From': 'cache' }, body: 'old' }),
    });
    expect([response.status, response.text(), response.headers['x-from']]).to.deep.equal([
      203,
      'old',
      'cache',
    ]);
    const mine = new Error('no cache either');
    const failing = call('orders').get('/x', { fallback: () => Promise.reject(mine) });
    expect(await failing.catch((error: unknown) => error)).to.equal(mine);
  });

  it('may be the response of another call, which no reader can change', async () => {
    const { call } = setUp(two, ({ id }, { path }) => (path === '/y' ? jsonResponse(200, { id }) : broken()));
    let other: unknown;
    const response = await call('orders').get('/x', {
      fallback: async () => {
        const made = await call('orders').get('/y');
        other = made;
        return made;
      },
    });
    expect([response.isFallback, (other as typeof response).isFallback]).to.deep.equal([true, false]);
    response.bytes().fill(0);
    expect(response.json()).to.have.property('id');
  });

  it('makes a new value, so that none of its callers can change what another one reads', async () => {
    const list = [1];
    const bytes = new Uint8Array([7]);
    const { call } = setUp(two, broken);
    const ofJson = await call('orders').get('/x', { fallback: () => ({ json: list }) });
    ofJson.json<number[]>().push(2);
    const ofBytes = await call('orders').get('/x', { fallback: () => ({ body: bytes }) });
    bytes[0] = 0;
    expect([list, ofJson.json(), [...ofBytes.bytes()]]).to.deep.equal([[1], [1], [7]]);
  });

  const wrong: readonly (readonly [what: unknown, message: string])[] = [
    [undefined, 'must be an object such as { json: [] }, not undefined'],
    [[], 'not an empty array'],
    [{ stat: 200 }, 'unknown option "stat", did you mean "status"?'],
    [{ status: 99 }, 'status must be a whole number from 200 to 599, not 99'],
    [{ json: 1, body: 'x' }, 'give json or body, not both'],
    [{ json: () => 1 }, 'json must be a value that JSON can write'],
    [{ headers: { 'a b': 'x' } }, '"a b" is not a header name'],
  ];
  for (const [given, message] of wrong) {
    it(`fails for what is no response: ${message}`, async () => {
      const { call } = setUp(two, broken);
      const error = await call('orders')
        .get('/x', { fallback: () => given as FallbackResponse })
        .catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(TypeError).with.property('message').that.includes(message);
    });
  }
});

/** Rejects as a transport does when the request is aborted. */
const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
