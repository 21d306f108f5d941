// `shared` of the services of this thread, over the block of the process: named rows of the breaker and
// bulkhead tables, and limits in the table of rates. What this thread loses of them is given back as for
// routes and calls.
import type { Logger } from 'pino';
import type { Shared } from '../api/shared.js';
import type { Block } from '../memory/block.js';
import { BreakerCells } from '../memory/breaker/breaker-cell.js';
import { NamedBreakers } from '../memory/breaker/named-breakers.js';
import { BulkheadCells } from '../memory/bulkhead-cells.js';
import type { Clock } from '../memory/clock.js';
import type { Recorder } from '../memory/metrics/recorder.js';
import { NameTable } from '../memory/names.js';
import { checkOptions, describeValue, shapeOf, typeErrorFor } from '../options.js';
import { parseRate, RATE } from '../rate.js';
import { checkedTripNumbers, toStoredNumbers } from '../resilience/breaker-options.js';
import {
  type Bulkhead,
  BulkheadQueue,
  bulkheadNumbers,
  checkedBulkheadOptions,
} from '../resilience/bulkhead-queue.js';
import { circuitBreaker } from '../resilience/circuit-breaker.js';
import { threadWatch } from '../resilience/loop-watch.js';
import { RateLimit } from '../resilience/rate-limit.js';
import { tripRule } from '../resilience/trip-rules.js';
import type { RateLimits } from '../server/route-rate-limits.js';
import { namedBreakerOwner, namedBreakerRow } from '../upstream/breaker-owners.js';
import { logTransitions } from '../upstream/transition-log.js';

export interface SharedPrimitiveOptions {
  readonly block: Block;
  readonly slot: number;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly rateLimits: RateLimits;
  /** This thread has taken the place of another, perhaps with newer code: its numbers hold from now on. */
  readonly replaces: boolean;
}

const RATE_LIMITER = shapeOf<Parameters<Shared['rateLimiter']>[1]>(
  "{ limit: '100/minute' }",
  { limit: RATE },
  ['limit'],
);
const NAME = /^[A-Za-z0-9._:-]{1,128}$/;

export function createSharedPrimitives(parts: SharedPrimitiveOptions): (service: string) => Shared {
  const { block, slot, clock, recorder, log, rateLimits, replaces } = parts;
  const breakers = new NamedBreakers(block);
  const bulkheads = new BulkheadCells(block, slot);
  const rates = new NameTable(block, 'rate');
  const full = recorder.counter('multilane_requests_shed_total', { reason: 'bulkhead' });
  const { breaker: changed } = logTransitions(log, (cell) => namedBreakerOwner(breakers.nameOf(cell)));
  const queues = new Map<string, Bulkhead>();
  /** What was said in this thread: against each other two of its own registrations are never newer. */
  const known = new Map<string, string>();
  const register = (what: string, terms: readonly number[], agree: () => boolean): void => {
    const said = terms.join();
    const before = known.get(what);
    if (before === undefined ? !agree() : before !== said) {
      throw new TypeError(`${what} is registered with other settings already`);
    }
    known.set(what, said);
  };

  return (service) => {
    const named = (kind: string, name: string): string => {
      const what = `shared.${kind}(${describeValue(name)})`;
      if (typeof name !== 'string' || !NAME.test(name)) {
        throw new TypeError(`${what}: names are made of 1 to 128 of A-Z a-z 0-9 . _ : -`);
      }
      return what;
    };
    return {
      breaker(name, settings = {}) {
        const what = named('breaker', name);
        const numbers = checkedTripNumbers(what, settings);
        const cell = breakers.slotOf(namedBreakerRow(service, name));
        const terms = toStoredNumbers(numbers);
        register(what, terms, () => breakers.agree(cell, terms, replaces));
        const cells = new BreakerCells(block, slot, tripRule(numbers), clock, changed);
        const { slowCallMs } = numbers;
        return circuitBreaker({ name, cells, cell, slowCallMs, judge: settings, clock, watch: threadWatch });
      },
      bulkhead(name, given) {
        const what = named('bulkhead', name);
        const settings = checkedBulkheadOptions(what, given);
        const row = sharedName(service, name);
        const terms = bulkheadNumbers(settings);
        register(what, terms, () => bulkheads.agree(row, terms, replaces));
        let queue = queues.get(row);
        if (queue === undefined) {
          queue = new BulkheadQueue({ permits: bulkheads.of(row), ...settings, onRefused: () => full.add() });
          queues.set(row, queue);
        }
        return queue;
      },
      rateLimiter(name, given) {
        const what = named('rateLimiter', name);
        checkOptions(given, RATE_LIMITER, typeErrorFor(what));
        const rate = parseRate(given.limit)!;
        const { count, periodMs, burst } = rate;
        const identity = sharedName(service, name);
        const terms = [count, periodMs, burst];
        register(what, terms, () => rates.agree(rates.rowOf(identity), terms, replaces));
        const limit = new RateLimit('shared', rate, rateLimits.limit(identity, periodMs / count, burst));
        return { take: (key) => limit.ask(key) };
      },
    };
  };
}

/** Beside those of routes and calls. */
const sharedName = (service: string, name: string): string => `shared ${service} ${name}`;
