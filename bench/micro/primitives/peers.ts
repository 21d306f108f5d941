// What others do for the same, each as its documentation shows it.
import { circuitBreaker, handleAll, SamplingBreaker } from 'cockatiel';
import CircuitBreaker from 'opossum';
import { Counter, Histogram, Registry } from 'prom-client';
import { RateLimiterMemory } from 'rate-limiter-flexible';

export type Peer = { readonly name: string } & (
  | { readonly run: (turn: number) => void; readonly runAsync?: undefined }
  | { readonly run?: undefined; readonly runAsync: (turn: number) => Promise<unknown> }
);

const labels = {
  http_request_method: 'GET',
  http_route: '/api/users/{id}',
  http_response_status_code: '200',
};
const naming = { help: 'x', labelNames: Object.keys(labels), registers: [new Registry()] };
const counter = new Counter({ name: 'requests_total', ...naming });
const histogram = new Histogram({ name: 'request_duration_seconds', ...naming });
const counterChild = counter.labels(labels);
const histogramChild = histogram.labels(labels);

const answered = async (): Promise<void> => {};
const opossum = new CircuitBreaker(answered, { timeout: false });
// A share of the calls of a window, as ours and that of opossum.
const cockatiel = circuitBreaker(handleAll, {
  halfOpenAfter: 5_000,
  breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000 }),
});
const limiter = new RateLimiterMemory({ points: 1e9, duration: 1 });

export const peers: readonly Peer[] = [
  { name: 'prom-client counter, labels resolved once', run: () => counterChild.inc() },
  { name: 'prom-client counter, labels on every call', run: () => counter.inc(labels) },
  {
    name: 'prom-client histogram, labels resolved once',
    run: (turn) => histogramChild.observe((turn & 0xffff) / 1e6),
  },
  {
    name: 'prom-client histogram, labels on every call',
    run: (turn) => histogram.observe(labels, (turn & 0xffff) / 1e6),
  },
  { name: 'rate-limiter-flexible in memory: consume', runAsync: () => limiter.consume('203.0.113.195') },
  { name: 'opossum: fire, an empty promise included', runAsync: () => opossum.fire() },
  { name: 'cockatiel: execute, an empty promise included', runAsync: () => cockatiel.execute(answered) },
  { name: 'an empty promise', runAsync: answered },
];
