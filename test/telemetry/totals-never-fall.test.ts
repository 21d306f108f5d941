// Totals on the page never go down, whatever happens to workers: a property over random histories.
import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { SeriesTable, TRANSIENT_KEPT } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { sharedMemorySource } from '#src/telemetry/metric-families.js';
import { METRICS } from '#src/telemetry/metric-table.js';
import { Exposition } from '#src/telemetry/prometheus.js';
import { serviceMetrics } from '#src/telemetry/service-metrics.js';
import { type PageSample, samplesOf } from './exposition.js';

const SLOTS = 3;
const ENDPOINTS = 1.5 * TRANSIENT_KEPT;
const DURATION = 'http_server_request_duration_seconds';
const BUCKETS = [
  [1, 5],
  [1, 2, 5, 10],
  [2, 3],
];

type Step =
  | { readonly kind: 'request'; readonly slot: number; readonly route: number; readonly us: number }
  | { readonly kind: 'own'; readonly slot: number; readonly name: number; readonly value: number }
  | { readonly kind: 'pick'; readonly slot: number; readonly endpoint: number; readonly count: number }
  | { readonly kind: 'replace'; readonly slot: number; readonly buckets: number }
  | { readonly kind: 'scrape' };

const slot = fc.integer({ min: 1, max: SLOTS });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('request' as const), slot, route: fc.nat(3), us: fc.nat(2e7) }),
  fc.record({ kind: fc.constant('own' as const), slot, name: fc.nat(700), value: fc.nat(20) }),
  // Half of the picks are of more instances than a thread has rows for without using them again.
  fc.record({
    ...{ kind: fc.constant('pick' as const), slot, endpoint: fc.nat(ENDPOINTS) },
    count: fc.constantFrom(1, TRANSIENT_KEPT + 8),
  }),
  fc.record({ kind: fc.constant('replace' as const), slot, buckets: fc.nat(BUCKETS.length - 1) }),
  fc.constant({ kind: 'scrape' as const }),
);

/** One thread: what a worker makes at its start. */
function threadOf(memory: SeriesMemory, number: number, buckets: readonly number[]) {
  const recorder = new SeriesTable(memory.of(number));
  const metrics = serviceMetrics(recorder.pool('services'))('shop');
  return {
    recorder,
    named: metrics.counter('named_total', 'Named.', ['name']),
    sizes: metrics.histogram('sizes', 'Sizes.', ['name'], { buckets }),
  };
}

const isTotal = ({ name }: PageSample): boolean => /_total$|_count$|_sum$/.test(name);
const keyOf = ({ name, labels }: PageSample): string => `${name} ${JSON.stringify(labels)}`;

describe('totals on the page', () => {
  it('never go down over requests, observations, replaced threads and changed buckets', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const memory = new SeriesMemory();
        const threads = Array.from({ length: SLOTS + 1 }, (_, at) => threadOf(memory, at, BUCKETS[0]!));
        const exposition = new Exposition([sharedMemorySource(Block.create({ workers: SLOTS }), memory)]);
        const before = new Map<string, number>();
        const counted = { requests: 0, named: 0, sizes: 0, picks: 0 };
        for (const one of [...steps, { kind: 'scrape' } as const]) {
          if (one.kind === 'request') {
            counted.requests++;
            const labels = { http_route: `/${one.route}`, http_response_status_code: '200' };
            threads[one.slot]!.recorder.histogram(DURATION, labels).record(one.us);
          } else if (one.kind === 'own') {
            counted.named++;
            counted.sizes++;
            threads[one.slot]!.named.add(1, { name: `n${one.name}` });
            threads[one.slot]!.sizes.record(one.value, { name: `n${one.name % 3}` });
          } else if (one.kind === 'pick') {
            counted.picks += one.count;
            const { recorder } = threads[one.slot]!;
            for (let n = 0; n < one.count; n++) {
              const value = `e${(one.endpoint + n) % ENDPOINTS}`;
              recorder
                .transient(
                  'multilane_balancer_picks_total',
                  { service: 'users' },
                  { label: 'endpoint', value, isGone: () => true },
                )
                .add();
            }
          } else if (one.kind === 'replace') {
            threads[one.slot] = threadOf(memory, one.slot, BUCKETS[one.buckets]!);
          } else {
            const samples = samplesOf(await exposition.render('prometheus'));
            const ours = samples.filter(({ name }) => name in METRICS || /^(named|sizes|http)/.test(name));
            for (const sample of ours.filter(isTotal)) {
              expect(sample.value, keyOf(sample)).to.be.at.least(before.get(keyOf(sample)) ?? 0);
              before.set(keyOf(sample), sample.value);
            }
            // No total is removed from the page, either.
            const shown = new Set(ours.map(keyOf));
            expect([...before.keys()].filter((key) => !shown.has(key))).to.deep.equal([]);
            const sumOf = (name: string) =>
              samples.filter((sample) => sample.name === name).reduce((sum, { value }) => sum + value, 0);
            expect(sumOf(`${DURATION}_count`)).to.equal(counted.requests);
            expect(sumOf('named_total')).to.equal(counted.named);
            expect(sumOf('sizes_count')).to.equal(counted.sizes);
            expect(sumOf('multilane_balancer_picks_total')).to.equal(counted.picks);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});
