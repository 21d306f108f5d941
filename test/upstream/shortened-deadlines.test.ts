// What is reported to breakers and ejection about calls that miss a deadline, depending on who set it. The
// time is fake: it passes a millisecond at a time, after everything due has run, so that no pause of the
// machine can use up a deadline.
import { mock } from 'node:test';
import { expect } from 'chai';
import fc from 'fast-check';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError, HttpError } from '#src/errors.js';
import { Block } from '#src/memory/block.js';
import { BreakerCells } from '#src/memory/breaker/breaker-cell.js';
import { RetryBudgetCell } from '#src/memory/budget-cell.js';
import { CallClaims } from '#src/memory/call-claims.js';
import { cancelAt } from '#src/resilience/cancellation.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import { runInScope } from '#src/scope.js';
import { Balancer } from '#src/upstream/balancer.js';
import type { CallOptions } from '#src/upstream/call.js';
import { createCall } from '#src/upstream/client.js';
import { InProcessTransport } from '#src/upstream/in-process-transport.js';
import { NOT_WATCHED } from '#src/upstream/outliers.js';
import { SingleFlight } from '#src/upstream/single-flight.js';
import type { OutgoingRequest, Received } from '#src/upstream/transport.js';
import { judge } from '#src/upstream/verdict.js';
import { ALL_SETTLED, endpoint, jsonResponse, NO_STREAMS, problem } from './endpoints.js';
import { roundRobinPicker } from './round-robin.js';

/** Responds to a request, or never does. */
type Behaviour = (request: OutgoingRequest) => Promise<Received>;

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

const BEHAVIOURS = {
  'never responds': (request) =>
    new Promise((_resolve, reject) => {
      request.signal.addEventListener('abort', () => reject(request.signal.reason as Error));
    }),
  'responds with 504 at its deadline': async ({ headers }) => {
    await pause(Number(headers['x-request-deadline']));
    return problem(504, 'DEADLINE_EXCEEDED');
  },
  'gives up waiting for a database': async () => problem(503, 'DATABASE_BUSY'),
} satisfies Record<string, Behaviour>;

const SHORT_MS = 15;
const BUDGET_MS = 30_000;
const now = (): number => performance.now();

/** Replaces the clock and the timers during each test of a suite. */
function stopTime(): void {
  const realNow = performance.now.bind(performance);
  beforeEach(() => {
    const begun = realNow();
    performance.now = () => begun;
    mock.timers.enable({ apis: ['setTimeout'] });
  });
  afterEach(() => {
    mock.timers.reset();
    performance.now = realNow;
  });
}

/** Lets the fake time pass until the work is done. */
async function passUntil(work: Promise<void>): Promise<void> {
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  done.catch(() => undefined);
  for (;;) {
    await new Promise(setImmediate);
    if (isDone) return done;
    const next = now() + 1;
    performance.now = () => next;
    mock.timers.tick(1);
  }
}

/**
 * Who decided how long the call may take, and whether the lack of a response then counts as a failure of the
 * endpoint.
 */
const DEADLINES: Readonly<
  Record<
    string,
    { readonly counts: boolean; readonly deadline: () => Deadline | undefined; timeoutMs?: number }
  >
> = {
  'a caller': { counts: false, deadline: () => Deadline.allowed(now(), SHORT_MS, BUDGET_MS) },
  'a caller, before the option': {
    counts: false,
    deadline: () => Deadline.allowed(now(), SHORT_MS, BUDGET_MS),
    timeoutMs: 5_000,
  },
  'a saga step or a route': { counts: true, deadline: () => Deadline.after(SHORT_MS) },
  'the option, before a caller': {
    counts: true,
    deadline: () => Deadline.allowed(now(), 5_000, BUDGET_MS),
    timeoutMs: SHORT_MS,
  },
  'the option alone': { counts: true, deadline: () => undefined, timeoutMs: SHORT_MS },
};

function setUp(behaviour: Behaviour, slowCallMs = 10_000, local = false) {
  const block = Block.create({ workers: 1 });
  const breaker = new BreakerCells(block, 1, DEFAULT_TRIP_RULE, now);
  const endpoints = [endpoint('a', { slot: 1, local }), endpoint('b', { slot: 2, local })];
  const reached: string[] = [];
  const call = createCall({
    ...NO_STREAMS,
    balancer: new Balancer({
      endpoints: () => endpoints,
      picker: roundRobinPicker,
      statuses: ALL_SETTLED,
      clock: now,
      random: () => 0,
    }),
    breaker,
    outliers: { ...NOT_WATCHED, ended: (_endpoint, outcome) => void reached.push(outcome) },
    slowCallMs,
    load: { begin() {}, end() {}, observe() {}, failed() {}, unanswered() {}, report() {} },
    budget: new RetryBudgetCell(block, now),
    singleFlight: new SingleFlight(new CallClaims(block, 1), { receive() {}, send() {} }),
    callPermitsOf: () => ({ permits: { enter: () => true, leave() {}, held: 0 }, refused() {} }),
    transports: {
      http: { send: (_endpoint, request) => behaviour(request), close: async () => undefined },
      inProcess: new InProcessTransport(async (_service, request) => {
        const response = await behaviour(request);
        return { status: response.status, headers: response.headers, body: response.bytes() };
      }),
    },
    clock: now,
    random: () => 0,
    sleep: pause,
  });
  const failures = (): number =>
    [1, 2].reduce((sum, slot) => {
      const state = breaker.state(slot);
      return sum + (state.state === 'closed' ? state.failures : Number.NaN);
    }, 0);
  return { call, failures, reached };
}

/** Runs a call in the scope of a request with this deadline. */
async function ask(
  { call }: ReturnType<typeof setUp>,
  deadline: Deadline | undefined,
  options: CallOptions,
): Promise<void> {
  const get = () => call('orders').get('/x', { retries: 0, ...options });
  const end = deadline === undefined ? undefined : cancelAt(deadline);
  const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false, tracestate: undefined };
  const asked =
    deadline === undefined
      ? get()
      : runInScope({ requestId: 'r', deadline, signal: end!.signal, trace, service: undefined }, get);
  await asked.then(
    (response) => expect(response.status).to.be.oneOf([503, 504]),
    (error: HttpError) => expect(error.code).to.equal('DEADLINE_EXCEEDED'),
  );
  end?.dispose();
}

describe('a call that runs out of time', () => {
  stopTime();

  for (const [what, behaviour] of Object.entries(BEHAVIOURS)) {
    for (const [who, { counts, deadline, timeoutMs }] of Object.entries(DEADLINES)) {
      for (const hedged of [false, true]) {
        const title = `${counts ? 'counts' : 'counts as nothing'} when ${who} set it${hedged ? ', hedged' : ''}`;
        it(`${title}, of an endpoint that ${what}`, async () => {
          for (const local of [false, true]) {
            const world = setUp(behaviour, 10_000, local);
            const options = {
              ...(timeoutMs === undefined ? {} : { timeoutMs }),
              ...(hedged ? { hedgeMs: 2 } : {}),
            };
            await passUntil(ask(world, deadline(), options));
            expect(world.reached).to.not.have.length(0);
            if (!counts) {
              expect(world.failures()).to.equal(0);
              expect(new Set(world.reached)).to.deep.equal(new Set(['ignored']));
            } else {
              expect(world.failures()).to.equal(world.reached.length);
              expect(new Set(world.reached)).to.deep.equal(new Set(['failure']));
            }
          }
        });
      }
    }
  }

  it('is a failure under any deadline when it took longer than a success may take', async () => {
    const world = setUp(BEHAVIOURS['never responds'], SHORT_MS - 5);
    await passUntil(ask(world, Deadline.allowed(now(), SHORT_MS, BUDGET_MS), {}));
    expect([world.failures(), world.reached]).to.deep.equal([1, ['ignored']]);
  });
});

describe('a response long before a shortened deadline', () => {
  stopTime();

  it('counts as usual, like every response under a deadline that was not shortened', () => {
    const statuses = fc.constantFrom(200, 302, 404, 429, 500, 502, 503, 504);
    const { signal } = new AbortController();
    fc.assert(
      fc.property(statuses, fc.boolean(), fc.integer({ min: 1_000, max: 20_000 }), (status, own, leftMs) => {
        const deadline = own ? Deadline.after(0) : Deadline.allowed(now(), leftMs, BUDGET_MS);
        const ended = { kind: 'returned', value: jsonResponse(status) } as const;
        expect(judge(ended, signal, deadline, 0)).to.deep.equal(
          judge(ended, signal, Deadline.after(60_000), 0),
        );
      }),
    );
  });

  it('counts as nothing when it reports that there was no database connection for half of the time', () => {
    const ended = { kind: 'returned', value: problem(503, 'DATABASE_BUSY') } as const;
    const { signal } = new AbortController();
    const outcome = (tookMs: number, deadline: Deadline): string =>
      judge(ended, signal, deadline, tookMs).outcome;
    expect(outcome(1_000, Deadline.allowed(now(), 1_000, BUDGET_MS))).to.equal('ignored');
    expect(outcome(1, Deadline.allowed(now(), 1_000, BUDGET_MS))).to.equal('failure');
    expect(outcome(1_000, Deadline.after(1_000))).to.equal('failure');
  });

  it('is a failure when it is a broken connection, even at the very end', () => {
    const error = new HttpError('BAD_UPSTREAM', 'broken');
    const { signal } = new AbortController();
    const verdict = judge({ kind: 'failed', error }, signal, Deadline.allowed(now(), 0, BUDGET_MS), 0);
    expect(verdict).to.include({ outcome: 'failure', reached: 'failure' });
    const late = { kind: 'failed', error: new DeadlineExceededError() } as const;
    expect(judge(late, signal, Deadline.allowed(now(), 0, BUDGET_MS), 0)).to.include({ outcome: 'ignored' });
  });
});
