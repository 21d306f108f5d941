// Property test: whatever services declare and record, Prometheus accepts the page, and it shows the recorded
// values.
import { expect } from 'chai';
import fc from 'fast-check';
import type { Labels, MetricKind } from '#src/memory/metrics/recorder.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { isMetricName, objectionTo } from '#src/telemetry/metric-names.js';
import { Exposition } from '#src/telemetry/prometheus.js';
import { type OwnMetrics, serviceMetrics } from '#src/telemetry/service-metrics.js';
import { complaints, misplaced, requirePromtool, samplesOf } from './exposition.js';

const KINDS = ['counter', 'gauge', 'histogram'] as const;
const WORKERS = [1, 2] as const;
const WORDS = (
  'cart Cart cartSize constructor __proto__ toString s ms KB d m seconds minutes kilobytes bits decimiles ' +
  'gauge histogram counter summary untyped total bucket count sum created info http multilane process'
).split(' ');

const name = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('a_total', 'b_total', 'a', 'b', 'c', 'a_count_total', 'constructor'),
  },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 3 })
      .map((words) => words.join('_')),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) },
);
const labels = fc.oneof(
  { weight: 3, arbitrary: fc.record({ of: fc.string({ unit: 'binary', maxLength: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ of: fc.constantFrom('', '"\\\n\r', '\ud800', 'x'.repeat(2000)) }) },
  {
    weight: 1,
    arbitrary: fc.dictionary(
      fc.constantFrom('of', 'le', '__proto__', 'constructor', 'cartKind'),
      fc.string(),
    ),
  },
);
/** The actions of a service in a worker, and in its successor when the worker is replaced. */
const step = fc.record({
  worker: fc.constantFrom(...WORKERS),
  replaced: fc.nat(9).map((chance) => chance === 0),
  service: fc.constantFrom('carts', 'orders'),
  kind: fc.constantFrom(...KINDS),
  name,
  help: fc.oneof(
    { weight: 4, arbitrary: fc.constant('Help.') },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
  ),
  labels,
  value: fc.oneof(
    fc.nat(1000),
    fc.integer().map((n) => n / 4),
    fc.constantFrom<unknown>('5', null, {}, 5n, Number.NaN, -Infinity, -0),
  ),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
const steps = fc.array(step, { minLength: 20, maxLength: 60 });

let shownMemory = new SeriesMemory();
/** One exposition for all pages, because each one observes the process. */
const exposition = new Exposition([() => readTotals(shownMemory)]);

/** Two workers with the same services, and a simple model of what these have recorded. */
class Model {
  readonly #memory = new SeriesMemory();
  readonly #workers = new Map<number, (service: string) => OwnMetrics>();
  /** Recorded values by worker, then by kind, name and labels. */
  readonly #counted = new Map<number, Map<string, number>>();

  take(worker: number, { service, kind, name, help, labels, value }: Step): void {
    if (!this.#workers.has(worker)) this.replace(worker);
    try {
      const metrics = this.#workers.get(worker)!(service) as unknown as Record<
        MetricKind,
        (...args: unknown[]) => Record<string, (value: unknown) => void>
      >;
      const metric = metrics[kind](name, help, labels);
      this.#count(worker, kind, name, labels, 0);
      metric[kind === 'histogram' ? 'record' : 'add']!(value);
      this.#count(worker, kind, name, labels, kind === 'histogram' ? Math.round(value as number) : value);
    } catch (error) {
      expect(error, String(error)).to.be.instanceOf(TypeError);
      expect((error as Error).message).to.match(/^service (?:carts|orders): metric /);
    }
  }

  /** Replaces a worker: counters continue, gauges start again. */
  replace(worker: number): void {
    const services = new SeriesTable(this.#memory.of(worker)).pool('services');
    this.#workers.set(worker, serviceMetrics(services));
    for (const key of this.#counted.get(worker)?.keys() ?? []) {
      if (key.startsWith('["gauge"')) this.#counted.get(worker)!.set(key, 0);
    }
  }

  #count(worker: number, kind: MetricKind, name: string, labels: Labels, amount: unknown): void {
    const counted = this.#counted.get(worker) ?? new Map<string, number>();
    const key = JSON.stringify([kind, name, shownLabels(labels)]);
    this.#counted.set(worker, counted.set(key, (counted.get(key) ?? 0) + (amount as number)));
  }

  /** The expected lines of the page; for a histogram only its sum. */
  get lines(): ReadonlyMap<string, number> {
    const lines = new Map<string, number>();
    for (const counted of this.#counted.values()) {
      for (const [key, value] of counted) {
        const [kind, name, labels] = JSON.parse(key) as [MetricKind, string, Labels];
        const line = JSON.stringify([kind === 'histogram' ? `${name}_sum` : name, labels]);
        lines.set(line, (lines.get(line) ?? 0) + value / (kind === 'histogram' ? 1e6 : 1));
      }
    }
    return lines;
  }

  page(format: 'prometheus' | 'openmetrics'): Promise<string> {
    shownMemory = this.#memory;
    return exposition.render(format);
  }
}

/** An empty label is omitted, a NUL is replaced, and a series whose identity is too long has no labels. */
function shownLabels(labels: Labels): Labels {
  if (Object.values(labels).some((value) => value.length > 1000)) return {};
  const shown = Object.entries(labels).map(([name, value]) => [
    name,
    value.replaceAll('\x1f', ' ').replaceAll('\0', '\ufffd').toWellFormed(),
  ]);
  return Object.fromEntries(shown.filter(([, value]) => value !== '').sort(([a], [b]) => (a! < b! ? -1 : 1)));
}

const OURS = /^\["(?:multilane|process|nodejs|http_server|db_client)_/;
const linesOf = (page: string): Map<string, number> =>
  new Map(samplesOf(page).map(({ name, labels, value }) => [JSON.stringify([name, labels]), value]));

describe('a page with the metrics of services', function () {
  this.timeout(180_000);
  before(function () {
    requirePromtool(this, this.test!.parent!);
  });

  it('passes promtool and shows exactly the recorded values when all workers declare the same', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const model = new Model();
        for (const one of all) for (const worker of WORKERS) model.take(worker, one);
        const page = await model.page('prometheus');
        expect(complaints(page)).to.equal('');
        const lines = linesOf(page);
        for (const [line, value] of model.lines) {
          expect(lines.get(line), `${line} on\n${page}`).to.be.closeTo(value, Math.abs(value) * 1e-12);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('passes promtool when declarations of workers contradict each other, and shows only recorded values', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const model = new Model();
        for (const one of all) {
          if (one.replaced) model.replace(one.worker);
          model.take(one.worker, one);
        }
        const page = await model.page('prometheus');
        expect(complaints(page)).to.equal('');
        expect(misplaced(page)).to.deep.equal([]);
        expect(misplaced(await model.page('openmetrics'))).to.deep.equal([]);
        const lines = model.lines;
        for (const [line, value] of linesOf(page)) {
          if (OURS.test(line) || /^\["\w+_(?:bucket|count)"/.test(line)) continue;
          expect(lines.get(line), `${line} on\n${page}`).to.be.closeTo(value, Math.abs(value) * 1e-12);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('accepts exactly the names that promtool accepts', () => {
    const names = WORDS.flatMap((first) => WORDS.map((second) => `x_${first}_${second}`));
    const units = /_(?:seconds|minutes|kilobytes|bits|decimiles)(?=_|$)/g;
    for (const kind of KINDS) {
      // Whether promtool accepts names of histogram lines depends on whether there is such a histogram.
      const judged = names.filter(
        (one) => isMetricName(one, kind) && !/_(?:bucket|count|sum|created)$/.test(one),
      );
      const suffix = kind === 'histogram' ? '_bucket{le="+Inf"}' : '';
      const page = judged
        .map((one) => `# HELP ${one} X.\n# TYPE ${one} ${kind}\n${one}${suffix} 1\n`)
        .join('');
      const refused = new Set(
        complaints(page)
          .split('\n')
          .map((line) => line.split(' ')[0]),
      );
      for (const one of judged) {
        const objection = objectionTo(one, kind);
        // When a name contains two units, promtool checks one of them at random.
        const isJudged = (one.match(units)?.length ?? 0) < 2;
        if (isJudged)
          expect(refused.has(one), `${kind} ${one}: ${objection}`).to.equal(objection !== undefined);
        if (objection === undefined) expect(refused.has(one), `${kind} ${one}`).to.equal(false);
        const better = objection?.split('; write ')[1];
        if (better !== undefined) expect(objectionTo(better, kind), better).to.equal(undefined);
      }
    }
  });
});
