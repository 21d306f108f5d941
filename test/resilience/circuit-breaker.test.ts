import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError, HttpError } from '#src/errors.js';
import { Block } from '#src/memory/block.js';
import { BreakerCells } from '#src/memory/breaker/breaker-cell.js';
import type { BreakerOptions } from '#src/resilience/breaker-options.js';
import { circuitBreaker } from '#src/resilience/circuit-breaker.js';
import type { RunOptions } from '#src/resilience/policy.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import { runInScope, type Scope } from '#src/scope.js';
import { heldScope } from '#test/support/held-scope.js';

const CELL = 7;
const SLOW_MS = 100;

function setUp(judge: Pick<BreakerOptions, 'isFailure' | 'isSuccess'> = {}) {
  const time = { now: 0 };
  const clock = (): number => time.now;
  const cells = new BreakerCells(Block.create({ workers: 1 }), 1, DEFAULT_TRIP_RULE, clock);
  const breaker = circuitBreaker({ name: 'mail', cells, cell: CELL, slowCallMs: SLOW_MS, judge, clock });
  const throwing = (error: unknown, signal?: AbortSignal): Promise<unknown> =>
    breaker
      .run(() => Promise.reject(error as Error), { signal })
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
  return { breaker, throwing, time };
}

const ERROR = new Error('down');

describe('a breaker for any work', () => {
  it('returns the result of the work or throws its error, and counts both', async () => {
    const { breaker, throwing } = setUp();
    expect(await breaker.run(() => 'now')).to.equal('now');
    expect(await breaker.run(async () => 'later')).to.equal('later');
    expect(await throwing(ERROR)).to.equal(ERROR);
    const sync = breaker.run(() => {
      throw ERROR;
    });
    expect(await sync.catch((error: unknown) => error)).to.equal(ERROR);
    expect(breaker.state).to.deep.equal({ state: 'closed', calls: 4, failures: 2 });
  });

  it('counts as isFailure and isSuccess decide', async () => {
    const { breaker, throwing } = setUp({
      isFailure: (error) => error !== ERROR,
      isSuccess: (value) => value !== 503,
    });
    await throwing(ERROR);
    expect(breaker.state).to.include({ calls: 1, failures: 0 });
    expect(await breaker.run(() => 503)).to.equal(503);
    await throwing(new Error('other'));
    expect(breaker.state).to.include({ calls: 3, failures: 2 });
  });

  it('counts a success that took too long as a failure', async () => {
    const { breaker, time } = setUp();
    await breaker.run(() => (time.now += SLOW_MS - 1));
    await breaker.run(() => (time.now += SLOW_MS));
    expect(breaker.state).to.include({ calls: 2, failures: 1 });
  });

  it('counts nothing when the caller has left, or a limit within the work has rejected it', async () => {
    const { breaker, throwing } = setUp({ isFailure: () => true });
    await throwing(ERROR, AbortSignal.abort(new Error('left')));
    const leaving = new AbortController();
    const run = breaker.run(
      () => {
        leaving.abort();
        throw ERROR;
      },
      { signal: leaving.signal },
    );
    expect(await run.catch((error: unknown) => error)).to.equal(ERROR);
    for (const code of ['OVERLOADED', 'RATE_LIMITED']) await throwing(new HttpError(code, ''));
    expect(breaker.state).to.include({ calls: 0, failures: 0 });
  });

  it('counts a failure when the work did not end before the deadline', async () => {
    const { breaker } = setUp();
    for (const reason of [new DeadlineExceededError(), new DOMException('', 'TimeoutError')]) {
      const controller = new AbortController();
      const work = (): never => {
        controller.abort(reason);
        throw reason;
      };
      await breaker.run(work, { signal: controller.signal }).catch(() => undefined);
    }
    expect(breaker.state).to.include({ calls: 2, failures: 2 });
  });

  it('does not begin work that is already cancelled', async () => {
    const { breaker } = setUp();
    const signal = AbortSignal.abort(ERROR);
    const run = breaker.run(() => expect.fail('the work was done'), { signal });
    expect(await run.catch((error: unknown) => error)).to.equal(ERROR);
  });

  it('admits probes after openMs, and closes when they succeed; a cancelled probe is returned', async () => {
    const { breaker, throwing, time } = setUp();
    for (let n = 0; n < 20; n++) await throwing(ERROR);
    time.now = 2_500;
    expect(await throwing(ERROR)).to.deep.include({
      code: 'BREAKER_OPEN',
      retryable: true,
      headers: { 'retry-after': '3' },
    });
    time.now = 5_000;
    await throwing(new HttpError('OVERLOADED', ''));
    expect(breaker.state).to.deep.equal({ state: 'half-open', permitted: 3, taken: 0, succeeded: 0 });
    for (let n = 0; n < 3; n++) await breaker.run(() => undefined);
    expect(breaker.state).to.include({ state: 'closed', calls: 0 });
  });

  it('returns a probe even when isFailure or isSuccess throws', async () => {
    const faulty = new Error('in the judge');
    const { breaker, throwing, time } = setUp({
      isFailure: () => {
        throw faulty;
      },
    });
    for (let n = 0; n < 20; n++) expect(await throwing(ERROR)).to.equal(ERROR);
    time.now = 5_000;
    await throwing(ERROR);
    expect(breaker.state.state).to.equal('open');
  });

  it('returns the result or throws the error of the work even when isFailure or isSuccess throws', async () => {
    const { breaker } = setUp({
      isSuccess: (value) => (value as { readonly status: number }).status < 500,
    });
    for (let n = 0; n < 20; n++) expect(await breaker.run(() => undefined)).to.equal(undefined);
    expect(breaker.state).to.include({ state: 'closed', calls: 20, failures: 0 });
    const { proxy, revoke } = Proxy.revocable(new Error('gone'), {});
    revoke();
    const thrown = await breaker
      .run(() => Promise.reject(proxy))
      .then(
        () => [],
        (error: unknown) => [error],
      );
    expect(thrown[0] === proxy, 'what the work has thrown').to.equal(true);
    expect(breaker.state).to.include({ calls: 21, failures: 1 });
  });

  it('can be forced open for all threads, with a Retry-After', async () => {
    const { breaker, throwing } = setUp();
    breaker.force('open');
    expect(await throwing(ERROR)).to.deep.include({ headers: { 'retry-after': '5' } });
    expect(breaker.state).to.deep.equal({ state: 'forced-open' });
    breaker.force('auto');
    expect(await breaker.run(() => 1)).to.equal(1);
  });
});

describe('a breaker for work that misses the deadline of its request', () => {
  const scopeOf = (deadline: Deadline): Scope => ({
    requestId: 'r',
    deadline,
    signal: AbortSignal.abort(new DeadlineExceededError()),
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false, tracestate: undefined },
    service: undefined,
  });
  const passed = { own: Deadline.after(0), shortened: Deadline.allowed(performance.now(), 0, 30_000) };

  it('counts a failure when the deadline was not shortened, and nothing when a caller had shortened it', async () => {
    for (const error of [ERROR, new DeadlineExceededError()]) {
      const { breaker, throwing } = setUp();
      const { own, shortened } = passed;
      // The signal has not aborted yet: the deadline decides.
      const running = new AbortController().signal;
      await runInScope(scopeOf(shortened), () => throwing(error, running));
      expect(breaker.state).to.include({ calls: 0, failures: 0 });
      await runInScope(scopeOf(own), () => throwing(error, running));
      expect(breaker.state).to.include({ calls: 1, failures: 1 });
    }
  });

  it('counts a failure under any deadline when a success would have been too slow', async () => {
    const { breaker, time } = setUp();
    const slow = runInScope(scopeOf(passed.shortened), () =>
      breaker.run(
        () => {
          time.now += SLOW_MS;
          throw ERROR;
        },
        { signal: new AbortController().signal },
      ),
    );
    expect(await slow.catch((error: unknown) => error)).to.equal(ERROR);
    expect(breaker.state).to.include({ calls: 1, failures: 1 });
  });
});

describe('a breaker for work whose request has ended', () => {
  it('does not run the work and counts nothing, unless the work has a signal of its own', async () => {
    const { breaker } = setUp();
    const left = new Error('the client left');
    const ended = { ...heldScope(), signal: AbortSignal.abort(left) };
    let done = 0;
    const run = (options?: RunOptions): Promise<unknown> =>
      runInScope(ended, () => breaker.run(() => void done++, options)).catch((error: unknown) => error);
    expect(await run()).to.equal(left);
    expect([done, breaker.state]).to.deep.equal([0, { state: 'closed', calls: 0, failures: 0 }]);
    await run({ signal: new AbortController().signal });
    expect(done).to.equal(1);
  });

  it('does not create the signal of a scope that knows without it whether it is aborted', async () => {
    const { breaker } = setUp();
    const scope = (isAborted: boolean): Scope => ({
      ...heldScope(),
      isAborted,
      get signal(): AbortSignal {
        throw ERROR;
      },
    });
    expect(await runInScope(scope(false), () => breaker.run(() => 1))).to.equal(1);
    expect(
      await runInScope(scope(true), () => breaker.run(() => 1)).catch((error: unknown) => error),
    ).to.equal(ERROR);
  });
});

describe('a half-open probe of work that is interrupted', () => {
  it('is returned once, without an outcome, even when the work ends later', async () => {
    const { breaker, throwing, time } = setUp();
    for (let call = 0; call < 20; call++) await throwing(ERROR);
    expect(breaker.state).to.include({ state: 'open' });
    time.now += DEFAULT_TRIP_RULE.openMs;
    const scopes = Array.from({ length: DEFAULT_TRIP_RULE.probes }, heldScope);
    const fails: (() => void)[] = [];
    const probes = scopes.map((scope) =>
      runInScope(scope, () =>
        breaker
          .run(() => new Promise((_, reject) => void fails.push(() => reject(ERROR))))
          .catch(() => undefined),
      ),
    );
    expect(await throwing(ERROR)).to.have.property('code', 'BREAKER_OPEN');
    for (const { holds } of scopes) holds.release();
    for (const fail of fails) fail();
    await Promise.all(probes);
    expect(breaker.state, 'none of them counts as failed').to.include({ state: 'half-open' });
    for (let probe = 0; probe < DEFAULT_TRIP_RULE.probes; probe++) await breaker.run(() => undefined);
    expect(breaker.state).to.include({ state: 'closed' });
  });
});
