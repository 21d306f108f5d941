// What is reported about an endpoint while the body of a request arrives from a client: the time of the
// client is none of the endpoint.
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError, HttpError } from '#src/errors.js';
import { attemptAt } from '#src/upstream/call-attempt.js';
import type { StreamedContent } from '#src/upstream/call-request.js';
import { OngoingCall } from '#src/upstream/ongoing-call.js';
import { NOT_WATCHED } from '#src/upstream/outliers.js';
import type { Received } from '#src/upstream/transport.js';
import { endpoint, jsonResponse, problem } from './endpoints.js';

const SLOW_MS = 10_000;

/** @param endedAt when the body has ended @param tookMs until the endpoint responds */
async function reported(endedAt: number | undefined, tookMs: number, end: () => Received) {
  let now = 0;
  const outcomes: unknown[] = [];
  const reached: string[] = [];
  const latencies: number[] = [];
  const content: { endedAt: StreamedContent['endedAt'] } & StreamedContent = {
    begin: async () => Buffer.alloc(0),
    endedAt: undefined,
    isStarted: true,
    length: -1,
  };
  const send = async (): Promise<Received> => {
    now = tookMs;
    content.endedAt = endedAt;
    return end();
  };
  const request = { method: 'POST', path: '/', headers: {}, body: undefined, content };
  const limits = { deadline: Deadline.after(0), abort: new OwnAbort() };
  const call = new OngoingCall('orders', request, limits, undefined, undefined);
  await attemptAt(
    {
      balancer: { pick: () => undefined, has: () => false },
      breaker: {
        admits: () => true,
        isProbe: () => false,
        settle: (_slot: number, _ticket: unknown, outcome: string) => void outcomes.push(outcome),
      } as never,
      outliers: { ...NOT_WATCHED, ended: (_endpoint, how) => void reached.push(how) },
      load: {
        begin() {},
        end() {},
        observe: (_slot, us) => void latencies.push(us / 1000),
        failed() {},
        unanswered() {},
        report() {},
      },
      budget: { deposit() {}, hasToken: () => true, withdraw: () => true },
      slowCallMs: SLOW_MS,
      clock: () => now,
      transports: { http: { send, close: async () => undefined } },
    },
    call,
    { endpoint: endpoint('a'), ticket: 1 as never },
    call.abort,
  );
  return { outcome: outcomes[0], reached: reached[0], latencyMs: latencies[0] };
}

const responds = (): Received => jsonResponse(200);
const timesOut = (): never => {
  throw new DeadlineExceededError();
};

describe('an endpoint that waits for the body of a client', () => {
  it('is as fast as it is after the end of the body', async () => {
    expect(await reported(29_000, 29_020, responds)).to.include({ outcome: 'success', latencyMs: 20 });
    expect(await reported(1_000, 12_000, responds)).to.include({ outcome: 'failure', reached: 'success' });
  });

  it('is neither slow nor fast when it responds before the end, or that is not known', async () => {
    const heard = await reported(undefined, 29_000, responds);
    expect(heard).to.include({ outcome: 'success', reached: 'success', latencyMs: undefined });
  });

  it('is not to blame for a deadline that passes before the end', async () => {
    for (const end of [timesOut, () => problem(504, 'DEADLINE_EXCEEDED')])
      expect(await reported(undefined, 30_000, end)).to.include({ outcome: 'ignored', reached: 'ignored' });
  });

  it('is to blame for one that passes after it, and for a failure at any time', async () => {
    expect(await reported(100, 30_000, timesOut)).to.include({ outcome: 'failure', reached: 'failure' });
    const breaks = (): never => {
      throw new HttpError('BAD_UPSTREAM', 'the connection was closed');
    };
    expect(await reported(undefined, 100, breaks)).to.include({ outcome: 'failure', reached: 'failure' });
  });
});
