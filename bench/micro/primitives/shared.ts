// Our primitives as the request path uses them, named by what they do.
import { AdmissionCells } from '#src/memory/admission-cells.js';
import type { Block } from '#src/memory/block.js';
import { BreakerCells } from '#src/memory/breaker/breaker-cell.js';
import { RetryBudgetCell } from '#src/memory/budget-cell.js';
import { BulkheadCells } from '#src/memory/bulkhead-cells.js';
import { CallClaims } from '#src/memory/call-claims.js';
import { sharedClock } from '#src/memory/clock.js';
import { EjectionCells } from '#src/memory/ejection-cells.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { RateTable } from '#src/memory/rate/rate-table.js';
import { Admission } from '#src/resilience/admission.js';
import { ejectionRule } from '#src/resilience/ejection.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import { Balancer } from '#src/upstream/balancer.js';
import { endpointStatuses } from '#src/upstream/endpoint-status.js';
import { p2cPicker } from '#src/upstream/strategies/power-of-two-choices.js';
import { endpoint } from '../endpoint.js';

/** Rows of the block: one for the primary and one for each thread. */
export const SLOTS = 2;

const MOST = 10_000;
const LABELS = {
  http_request_method: 'GET',
  http_route: '/api/users/{id}',
  http_response_status_code: '200',
};
const ENDPOINTS = 1_000;
/** A slot that picks do not use. */
const OWN_ENDPOINT = ENDPOINTS;
const NONE_EXCLUDED: ReadonlySet<string> = new Set();

export function primitives(block: Block, slot: number): Readonly<Record<string, (turn: number) => void>> {
  const clock = sharedClock(block);
  // A row has one writer, so counting needs no compare-and-swap: the second thread uses its own row.
  const series = new SeriesTable(new SeriesMemory().of(slot));
  const counter = series.counter('requests_total', LABELS);
  const histogram = series.histogram('request_duration_seconds', LABELS);
  // All are admitted: a refusal would skip the compare-and-swap.
  const rate = RateTable.of(block, clock).limit('bench', 0.000_1, 1_000_000);
  const breakers = new BreakerCells(block, slot, DEFAULT_TRIP_RULE, clock);
  const budget = new RetryBudgetCell(block, clock);
  const cells = new AdmissionCells(block, slot);
  const admission = new Admission({
    cells,
    onRefused: () => {},
    most: MOST,
    isAdaptive: true,
  });
  const gate = admission.gate('normal', 'bench');
  const permits = new BulkheadCells(block, slot).of('bench');
  const claims = new CallClaims(block, slot);
  const load = new EndpointCells(block, slot, clock);
  const endpoints = Array.from({ length: ENDPOINTS }, (_, slot) => endpoint('bench', slot));
  const rule = ejectionRule(30_000);
  const ejections = new EjectionCells(block, rule, clock);
  const balancer = new Balancer({
    endpoints: () => endpoints,
    picker: p2cPicker(load, Math.random),
    statuses: endpointStatuses(ejections, rule),
    clock,
    random: Math.random,
  });
  // The time is constant here, because callers have read it already to measure the latency.
  let now = clock();
  return {
    counter: () => counter.add(),
    'histogram cell and sum': (turn) => histogram.record(turn & 0xffff),
    'rate limit: check': () => void rate.take('203.0.113.195'),
    'breaker: check and record': () => {
      now += 0.001;
      breakers.settle(OWN_ENDPOINT, breakers.admit(OWN_ENDPOINT), 'success', now);
    },
    'ejection: record': () => ejections.succeeded(OWN_ENDPOINT),
    'retry budget: deposit': () => budget.deposit(),
    'admission: a request in and out': () => {
      if (gate.enter() > 0) gate.leave();
    },
    'bulkhead: in and out': () => {
      if (permits.enter(MOST)) permits.leave();
    },
    'shared call: claim and release': () => {
      const key = '["catalog","/items?page=1",[]]';
      if (claims.claim(key) === 0) claims.release(key);
    },
    'endpoint: one more in flight, one less': () => {
      load.begin(OWN_ENDPOINT);
      load.end(OWN_ENDPOINT);
    },
    [`pick, power of two choices among ${ENDPOINTS}`]: () => void balancer.pick('bench', NONE_EXCLUDED),
  };
}
