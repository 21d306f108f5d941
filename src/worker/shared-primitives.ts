// The `shared` of the services of this worker: breakers, bulkheads and rate limiters by name, each of which
// exists once for all workers. They are named rows of tables in shared memory. When a worker is lost, its
// permits in these rows are released, like those of routes and calls.
import type { Logger } from 'pino';
import type { Shared } from '../api/shared.js';
import { BreakerCells } from '../memory/breaker/breaker-cell.js';
import { NamedBreakers } from '../memory/breaker/named-breakers.js';
import { BulkheadCells } from '../memory/bulkhead-cells.js';
import { NameTable } from '../memory/name-table.js';
import { checkOptions, describeValue, shapeOf, typeErrorFor } from '../options.js';
import { parseRate, RATE } from '../rate.js';
import { checkedTripNumbers, toStoredNumbers } from '../resilience/breaker-options.js';
import { bulkheadNumbers, checkedBulkheadOptions } from '../resilience/bulkhead-options.js';
import { type Bulkhead, BulkheadQueue } from '../resilience/bulkhead-queue.js';
import { circuitBreaker } from '../resilience/circuit-breaker.js';
import { threadWatch } from '../resilience/loop-watch.js';
import { RateLimit } from '../resilience/rate-limit.js';
import { tripRule } from '../resilience/trip-rules.js';
import { cellsOf, RATE_SCOPE, type RateLimits } from '../server/route-rate-limits.js';
import { namedBreakerOwner, namedBreakerRow } from '../upstream/breaker-owners.js';
import { logTransitions } from '../upstream/transition-log.js';
import { SharedRegistrations } from './shared-registrations.js';
import type { WorkerMemory } from './worker-memory.js';

export interface SharedPrimitiveOptions extends Omit<WorkerMemory, 'recorder'> {
  readonly recorder: Pick<WorkerMemory['recorder'], 'counter'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly rateLimits: RateLimits;
  /** The worker replaces an earlier one, perhaps with newer code: its settings replace the earlier ones. */
  readonly isReplacement: boolean;
}

/** Makes one primitive of a service. @param what names it in the text of an error */
type Make<K extends keyof Shared> = (
  service: string,
  what: string,
  ...of: Parameters<Shared[K]>
) => ReturnType<Shared[K]>;

const RATE_LIMITER = shapeOf<Parameters<Shared['rateLimiter']>[1]>(
  "{ limit: '100/minute' }",
  { limit: RATE, scope: RATE_SCOPE },
  ['limit'],
);
const NAME = /^[A-Za-z0-9._:-]{1,128}$/;

/** @returns a function that makes the `shared` of a service */
export function createSharedPrimitives(options: SharedPrimitiveOptions): (service: string) => Shared {
  const registrations = new SharedRegistrations(options.isReplacement);
  const breakerOf = sharedBreakers(options, registrations);
  const bulkheadOf = sharedBulkheads(options, registrations);
  const rateLimiterOf = sharedRateLimiters(options, registrations);
  return (service) => ({
    breaker: (name, settings = {}) => breakerOf(service, checkedName('breaker', name), name, settings),
    bulkhead: (name, settings) => bulkheadOf(service, checkedName('bulkhead', name), name, settings),
    rateLimiter: (name, settings) => rateLimiterOf(service, checkedName('rateLimiter', name), name, settings),
  });
}

function sharedBreakers(
  { block, slot, clock, log }: SharedPrimitiveOptions,
  registrations: SharedRegistrations,
): Make<'breaker'> {
  const breakers = new NamedBreakers(block);
  const { breaker: onTransition } = logTransitions(log, (row) => namedBreakerOwner(breakers.nameOf(row)));
  return (service, what, name, settings = {}) => {
    const numbers = checkedTripNumbers(what, settings);
    const cell = breakers.slotOf(namedBreakerRow(service, name));
    registrations.register(what, toStoredNumbers(numbers), (stored, mayReplace) =>
      breakers.agree(cell, stored, mayReplace),
    );
    const cells = new BreakerCells(block, slot, tripRule(numbers), clock, onTransition);
    const { slowCallMs } = numbers;
    return circuitBreaker({ name, cells, cell, slowCallMs, judge: settings, clock, watch: threadWatch });
  };
}

function sharedBulkheads(
  { block, slot, recorder }: SharedPrimitiveOptions,
  registrations: SharedRegistrations,
): Make<'bulkhead'> {
  const cells = new BulkheadCells(block, slot);
  const full = recorder.counter('multilane_requests_shed_total', { reason: 'bulkhead' });
  const queues = new Map<string, Bulkhead>();
  return (service, what, name, given) => {
    const settings = checkedBulkheadOptions(what, given);
    const row = rowName(service, name);
    registrations.register(what, bulkheadNumbers(settings), (stored, mayReplace) =>
      cells.agree(row, stored, mayReplace),
    );
    let queue = queues.get(row);
    if (queue === undefined) {
      queue = new BulkheadQueue({ permits: cells.of(row), ...settings, onRefused: () => full.add() });
      queues.set(row, queue);
    }
    return queue;
  };
}

function sharedRateLimiters(
  { block, rateLimits }: SharedPrimitiveOptions,
  registrations: SharedRegistrations,
): Make<'rateLimiter'> {
  const rows = new NameTable(block, 'rate');
  return (service, what, name, given) => {
    checkOptions(given, RATE_LIMITER, typeErrorFor(what));
    const { limit: text, scope = 'process' } = given;
    const rate = parseRate(text)!;
    const { count, periodMs, burst } = rate;
    const identity = rowName(service, name);
    const numbers = [count, periodMs, burst, Number(scope === 'cluster')];
    registrations.register(what, numbers, (stored, mayReplace) =>
      rows.agree(rows.rowOf(identity), stored, mayReplace),
    );
    const limit = new RateLimit('shared', rate, cellsOf(rateLimits, scope, identity, rate));
    return { take: (key) => limit.takeWithResult(key) };
  };
}

/** @returns how the primitive is called in the text of an error. @throws TypeError for a bad name */
function checkedName(kind: keyof Shared, name: string): string {
  const what = `shared.${kind}(${describeValue(name)})`;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new TypeError(`${what}: names are made of 1 to 128 of A-Z a-z 0-9 . _ : -`);
  }
  return what;
}

/** The name of a row in the tables of bulkheads and rates, which routes and calls have rows in as well. */
const rowName = (service: string, name: string): string => `shared ${service} ${name}`;
