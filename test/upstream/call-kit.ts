// Calls with real cells, balancer and policies; only the responses of the endpoints are scripted.
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { HttpError } from '#src/errors.js';
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
import type { Scope } from '#src/scope.js';
import { Balancer } from '#src/upstream/balancer.js';
import { receive } from '#src/upstream/buffered-response.js';
import { type CallDependencies, createCall } from '#src/upstream/client.js';
import { endpointStatuses } from '#src/upstream/endpoint-status.js';
import { forgettingBreakers, Outliers } from '#src/upstream/outliers.js';
import { SingleFlight } from '#src/upstream/single-flight.js';
import type { OutgoingRequest, Received } from '#src/upstream/transport.js';
import { endpoint, NO_STREAMS } from './endpoints.js';
import { roundRobinPicker } from './round-robin.js';

export type Respond = (endpoint: Endpoint, request: OutgoingRequest) => Received | Promise<Received>;

export const two = [endpoint('a', { slot: 1 }), endpoint('b', { slot: 2 })];
export const broken = () => Promise.reject(new HttpError('BAD_UPSTREAM', 'broken'));

export function setUp(
  endpoints: readonly Endpoint[],
  respond: Respond,
  more: Partial<CallDependencies> = {},
) {
  const time = { now: 0 };
  const clock = more.clock ?? (() => time.now);
  const block = Block.create({ workers: 1 });
  const breaker = new BreakerCells(block, 1, DEFAULT_TRIP_RULE, clock);
  const rule = ejectionRule(30_000);
  const listener = { ejected: () => undefined, returned: () => undefined };
  const ejections = new EjectionCells(block, rule, clock, forgettingBreakers(breaker, listener));
  const load = new EndpointCells(block, 1, clock);
  const permits = new BulkheadCells(block, 1);
  const sent: { id: string; over: string; request: OutgoingRequest }[] = [];
  const observed: string[] = [];
  const over = (name: string) => ({
    send: async (to: Endpoint, request: OutgoingRequest) => {
      sent.push({ id: to.id, over: name, request });
      return respond(to, request);
    },
    close: async () => undefined,
  });
  const call = createCall({
    ...NO_STREAMS,
    balancer: new Balancer({
      endpoints: () => endpoints,
      picker: roundRobinPicker,
      statuses: endpointStatuses(ejections, rule),
      clock,
      random: () => 0,
    }),
    outliers: new Outliers({ cells: ejections, records: load, endpoints: () => endpoints }),
    slowCallMs: 10_000,
    breaker,
    load,
    budget: new RetryBudgetCell(block, clock),
    singleFlight: new SingleFlight(new CallClaims(block, 1), { receive() {}, send() {} }),
    callPermitsOf: (service) => ({
      permits: permits.of(service),
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
      fellBack: (service) => observed.push(`fallback ${service}`),
      reportRejected: (service) => observed.push(`rejected ${service}`),
    },
    ...more,
  });
  return { call, time, breaker, load, sent, observed, ids: () => sent.map(({ id }) => id).join('') };
}

export function scopeOf(members: Partial<Scope> = {}): Scope {
  return {
    requestId: 'r-1',
    deadline: Deadline.after(60_000),
    signal: new AbortController().signal,
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true, tracestate: undefined },
    service: 'users',
    ...members,
  };
}

/** A 503 as a server of this runtime writes it. */
export function unavailable(executed: boolean): Received {
  const headers = {
    'content-type': 'application/problem+json',
    ...(!executed && { 'x-multilane-executed': 'false' }),
  };
  return receive(503, headers, Buffer.from(JSON.stringify({ code: 'STARTING', executed })));
}

export async function failureOf(promise: Promise<unknown>): Promise<HttpError> {
  const error = await promise.then(
    () => expect.fail('nothing was thrown'),
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(HttpError);
  return error as HttpError;
}
