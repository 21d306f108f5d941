// Compares interfaces of `multilane` with packages that Node.js projects use for the same work. The packages
// keep their state per thread. Each package has its fastest options that do the same work.
import { bulkhead, circuitBreaker, handleAll, SamplingBreaker } from 'cockatiel';
import CircuitBreaker from 'opossum';
import * as prometheus from 'prom-client';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { createBreaker } from '#src/api/standalone-breaker.js';
import { createBulkhead } from '#src/api/standalone-bulkhead.js';
import { createRateLimiter } from '#src/api/standalone-rate-limiter.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { serviceMetrics } from '#src/telemetry/service-metrics.js';

/** A piece of work and its implementations. Either all of them return a promise, or none does. */
export type Comparison = { readonly work: string } & (
  | { readonly promises: Readonly<Record<string, () => Promise<unknown>>>; readonly calls?: undefined }
  | { readonly calls: Readonly<Record<string, (turn: number) => void>>; readonly promises?: undefined }
);

const AT_ONCE = 10;
const ADDRESS = '203.0.113.195';
const doNothing = async (): Promise<void> => {};

const ourBreaker = createBreaker();
// All three breakers open by the share of failed calls in a window.
const cockatiel = circuitBreaker(handleAll, {
  halfOpenAfter: 5_000,
  breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000 }),
});
const opossum = new CircuitBreaker(doNothing, {
  timeout: false,
  rollingPercentilesEnabled: false,
  enableSnapshots: false,
});

const ourBulkhead = createBulkhead({ limit: AT_ONCE });
const cockatielBulkhead = bulkhead(AT_ONCE);

// The limit is higher than the number of calls, so all are admitted.
const ourLimiter = createRateLimiter({ limit: '1000000/second;burst=1000000' });
const flexible = new RateLimiterMemory({ points: 1e9, duration: 1 });

const labels = { http_request_method: 'GET', http_route: '/api/users/{id}' };
const ourMetrics = serviceMetrics(new SeriesTable(new SeriesMemory().of(1)))('bench');
const ourCounter = ourMetrics.counter('bench_orders_total', 'Orders.', labels);
const ourHistogram = ourMetrics.histogram('bench_order_seconds', 'Orders.', labels);
const naming = { help: 'Orders.', labelNames: Object.keys(labels), registers: [new prometheus.Registry()] };
const theirCounter = new prometheus.Counter({ name: 'orders_total', ...naming }).labels(labels);
const theirHistogram = new prometheus.Histogram({ name: 'order_seconds', ...naming }).labels(labels);

export const comparisons: readonly Comparison[] = [
  {
    work: 'a breaker around a function that does nothing',
    promises: {
      'createBreaker().run': () => ourBreaker.run(doNothing),
      'cockatiel: execute': () => cockatiel.execute(doNothing),
      'opossum: fire': () => opossum.fire(),
      'no breaker': doNothing,
    },
  },
  {
    work: 'a bulkhead around a function that does nothing',
    promises: {
      'createBulkhead().run': () => ourBulkhead.run(doNothing),
      'cockatiel: execute': () => cockatielBulkhead.execute(doNothing),
    },
  },
  {
    work: 'a rate limit, by a promise',
    promises: {
      'createRateLimiter().take, in an async function': async () => ourLimiter.take(ADDRESS),
      'rate-limiter-flexible in memory: consume': () => flexible.consume(ADDRESS),
    },
  },
  {
    work: 'a counter of a service, its labels given before',
    calls: { 'metrics.counter: add': () => ourCounter.add(), 'prom-client: inc': () => theirCounter.inc() },
  },
  {
    work: 'a histogram of a service, its labels given before',
    calls: {
      'metrics.histogram: record': (turn) => ourHistogram.record(turn & 0xffff),
      'prom-client: observe': (turn) => theirHistogram.observe((turn & 0xffff) / 1e6),
    },
  },
];
