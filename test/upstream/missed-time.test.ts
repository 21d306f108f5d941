// What is reported to breakers, ejection and load about calls during which the calling thread was stalled.
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError, HttpError } from '#src/errors.js';
import { Block } from '#src/memory/block.js';
import { BreakerCells } from '#src/memory/breaker/breaker-cell.js';
import { circuitBreaker } from '#src/resilience/circuit-breaker.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import type { AttemptDependencies } from '#src/upstream/call-attempt.js';
import { attemptAt } from '#src/upstream/call-attempt.js';
import { OngoingCall } from '#src/upstream/ongoing-call.js';
import { NOT_WATCHED } from '#src/upstream/outliers.js';
import type { Received } from '#src/upstream/transport.js';
import { StallingLoop } from '#test/resilience/stalling-loop.js';
import { endpoint, jsonResponse, problem } from './endpoints.js';

const SLOW_MS = 10_000;
const CELL = 3;

/** How time passes during a call, and how the call ends. */
interface Scenario {
  readonly pass: (loop: StallingLoop) => void;
  readonly end: () => Received;
}

const timesOut = (): never => {
  throw new DeadlineExceededError();
};
const breaks = (): never => {
  throw new HttpError('BAD_UPSTREAM', 'the connection was closed');
};
const paused = (loop: StallingLoop): void => {
  loop.run(400);
  loop.stall(29_000);
};
const running = (loop: StallingLoop): void => loop.run(29_400);

function setUp() {
  const loop = new StallingLoop();
  const clock = (): number => loop.now;
  const breaker = new BreakerCells(Block.create({ workers: 1 }), 1, DEFAULT_TRIP_RULE, clock);
  return { loop, clock, breaker };
}

async function attempt({ pass, end }: Scenario) {
  const { loop, clock, breaker } = setUp();
  const heard = { reached: [] as string[], latencies: [] as number[] };
  const dependencies: AttemptDependencies = {
    balancer: { pick: () => undefined, has: () => false },
    breaker,
    outliers: { ...NOT_WATCHED, ended: (_endpoint, reached) => void heard.reached.push(reached) },
    load: {
      begin() {},
      end() {},
      observe: (_slot, us) => void heard.latencies.push(us / 1000),
      failed() {},
      unanswered() {},
      report() {},
    },
    budget: { deposit() {}, hasToken: () => true, withdraw: () => true },
    slowCallMs: SLOW_MS,
    watch: loop.watch,
    clock,
    transports: {
      http: {
        async send() {
          await Promise.resolve();
          pass(loop);
          return end();
        },
        close: async () => undefined,
      },
    },
  };
  const request = { method: 'GET', path: '/x', headers: {}, body: undefined };
  const limits = { deadline: Deadline.after(0), abort: new OwnAbort() };
  const call = new OngoingCall('orders', request, limits, undefined, undefined);
  await attemptAt(
    dependencies,
    call,
    { endpoint: endpoint('a', { slot: CELL }), ticket: breaker.admit(CELL) },
    call.abort,
  );
  return { ...heard, state: breaker.state(CELL) };
}

describe('a call during which its thread was stalled', () => {
  it('counts as nothing when it timed out or its connection was closed', async () => {
    for (const end of [timesOut, breaks, () => problem(504, 'DEADLINE_EXCEEDED')]) {
      const { state, reached } = await attempt({ pass: paused, end });
      expect(state).to.include({ calls: 0, failures: 0 });
      expect(reached).to.deep.equal(['ignored']);
    }
  });

  it('counts as nothing when it looks slow, and its latency is the time without the stall', async () => {
    const { state, reached, latencies } = await attempt({ pass: paused, end: () => jsonResponse(200) });
    expect(state).to.include({ calls: 0, failures: 0 });
    expect(reached).to.deep.equal(['success']);
    expect(latencies).to.deep.equal([500]);
  });

  it('is a success when it was quick, and a failure when the endpoint responded with one', async () => {
    const pass = (loop: StallingLoop): void => loop.stall(3_000);
    expect((await attempt({ pass, end: () => jsonResponse(200) })).state).to.include({
      calls: 1,
      failures: 0,
    });
    expect((await attempt({ pass, end: () => jsonResponse(500) })).state).to.include({
      calls: 1,
      failures: 1,
    });
  });

  it('is a failure when the thread was stalled for less than half of the time', async () => {
    for (const end of [timesOut, breaks, () => jsonResponse(200)]) {
      expect((await attempt({ pass: running, end })).state).to.include({ calls: 1, failures: 1 });
    }
    const pass = (loop: StallingLoop): void => {
      loop.run(SLOW_MS);
      loop.stall(2_000);
    };
    expect((await attempt({ pass, end: () => jsonResponse(200) })).state).to.include({
      calls: 1,
      failures: 1,
    });
  });
});

describe('work of a breaker during which its thread was stalled', () => {
  async function run(pass: (loop: StallingLoop) => void, end: () => unknown, isAtOnce = false) {
    const { loop, clock, breaker: cells } = setUp();
    const { watch } = loop;
    const parts = { name: 'mail', cells, cell: CELL, slowCallMs: SLOW_MS, judge: {}, clock, watch };
    const breaker = circuitBreaker(parts);
    const work = (): unknown => {
      pass(loop);
      return end();
    };
    await breaker.run(isAtOnce ? work : () => Promise.resolve().then(work)).catch(() => undefined);
    return { state: breaker.state, loop };
  }

  it('counts as nothing when it failed or looks slow', async () => {
    for (const end of [breaks, timesOut, () => 'slow']) {
      const { state, loop } = await run(paused, end);
      expect(state).to.include({ calls: 0, failures: 0 });
      loop.turnAfter(50);
      expect(loop.isWatched, 'the watch has ended').to.equal(false);
    }
  });

  it('is a failure when the thread was not stalled, or when the work itself stalled it', async () => {
    for (const end of [breaks, () => 'slow']) {
      expect((await run(running, end)).state).to.include({ calls: 1, failures: 1 });
      expect((await run(paused, end, true)).state).to.include({ calls: 1, failures: 1 });
    }
  });

  it('does not keep a breaker open as a probe, even if another thread found the probe overdue', async () => {
    const { loop, clock, breaker: cells } = setUp();
    const { watch } = loop;
    const parts = { name: 'mail', cells, cell: CELL, slowCallMs: SLOW_MS, judge: {}, clock, watch };
    const breaker = circuitBreaker(parts);
    for (let n = 0; n < 20; n++) await breaker.run(breaks).catch(() => undefined);
    loop.run(DEFAULT_TRIP_RULE.openMs);
    const ends: (() => void)[] = [];
    const probe = (): Promise<void> => breaker.run(() => new Promise((resolve) => ends.push(resolve)));
    const probes = [probe(), probe(), probe()];
    loop.stall(29_000);
    // The first request after the pause comes before the responses.
    expect((await probe().catch((error: unknown) => error)) as HttpError).to.include({
      code: 'BREAKER_OPEN',
    });
    for (const end of ends) end();
    await Promise.all(probes);
    expect(breaker.state).to.include({ state: 'half-open', taken: 0 });
    for (let n = 0; n < 3; n++) await breaker.run(() => 'quick');
    expect(breaker.state.state).to.equal('closed');
  });
});
