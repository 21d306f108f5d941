import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import type { MetricKind } from '#src/memory/metrics/recorder.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { gatherFamilies } from '#src/telemetry/metric-families.js';
import { METRICS } from '#src/telemetry/metric-table.js';
import { type OwnMetrics, serviceMetrics } from '#src/telemetry/service-metrics.js';

/** The metrics interface for calls with wrong types. */
type Untyped = Record<MetricKind, (...args: unknown[]) => Record<string, (...args: unknown[]) => void>>;

const fresh = () => serviceMetrics(new SeriesTable(new SeriesMemory().of(1)));
const untyped = (metrics: OwnMetrics): Untyped => metrics as never;
const KINDS = ['counter', 'gauge', 'histogram'] as const;
/** The thrown error as text. */
function attempt(declare: () => unknown): string | undefined {
  try {
    declare();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
const nobody = { toString: () => expect.fail('it was read') };

describe('the metrics of a service', () => {
  const memory = new SeriesMemory();
  const metrics = serviceMetrics(new SeriesTable(memory.of(1)))('shop');
  const totalOf = (name: string): number | undefined =>
    readTotals(memory).series.find(({ metric }) => metric === name)?.value;

  it('refuse invalid values with an error that names service and metric, and record nothing', () => {
    const loose = untyped(metrics);
    const calls = [
      [loose.counter('jobs_total', 'Jobs.').add, 'add', 'a whole number >= 0'],
      [loose.gauge('level', 'Level.').set, 'set', 'a finite number'],
      [loose.gauge('level', 'Level.').add, 'add', 'a finite number'],
      [loose.histogram('took_seconds', 'Time.').record, 'record', 'a number of microseconds >= 0'],
    ] as const;
    const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
    const odd = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true });
    fc.assert(
      fc.property(fc.constantFrom(...calls), odd, ([call, method, wanted], value) => {
        if (isNumber(value) || (value === undefined && wanted.startsWith('a whole'))) return;
        expect(() => call?.(value)).to.throw(
          TypeError,
          new RegExp(`^service shop: metric "\\w+": ${method} takes ${wanted}, not `),
        );
      }),
      {
        examples: calls.flatMap((call): [typeof call, unknown][] =>
          [Number.NaN, Infinity, '5', null, 5n, {}, [1], Symbol('a'), nobody, () => 1, true].map((value) => [
            call,
            value,
          ]),
        ),
      },
    );
    for (const value of [-1, 0.5, 2 ** 53, -Number.MIN_VALUE]) {
      expect(() => calls[0][0]?.(value)).to.throw(TypeError, `not ${value}`);
    }
    for (const [call, method] of calls) {
      expect(() => call?.(1, { route: '/a' })).to.throw(
        TypeError,
        `${method} takes nothing behind the number, because the values of the labels are given where the metric`,
      );
    }
    expect([totalOf('jobs_total'), totalOf('level'), totalOf('took_seconds')]).to.deep.equal([0, 0, 0]);
  });

  it('refuse an invalid declaration, with a correction', () => {
    const refused: readonly (readonly [kind: MetricKind, args: readonly unknown[], message: string])[] = [
      ['counter', [], 'undefined: the name must be a string such as "carts_total", not undefined'],
      [
        'counter',
        [{ name: 'a_total', help: 'A.' }],
        'the name must be a string such as "carts_total", not an',
      ],
      ['counter', ['my-metric_total', 'A.'], 'the name must match [a-zA-Z_]'],
      ['gauge', ['', 'A.'], 'the name must match'],
      ['gauge', ['1st', 'A.'], 'the name must match'],
      ['gauge', ['a:b', 'A.'], 'the name must match'],
      ['counter', ['_total', 'A.'], 'the name must match'],
      ['gauge', ['a'.repeat(201), 'A.'], 'the name is longer than 200 characters'],
      ['counter', ['carts', 'A.'], 'the name of a counter ends in _total; write carts_total'],
      ['counter', ['carts_count', 'A.'], 'write carts_total'],
      ['counter', ['orders_created', 'A.'], 'write orders_created_total'],
      [
        'gauge',
        ['carts_total', 'A.'],
        'end names of counters and of the lines of a histogram; write carts for this gauge',
      ],
      ['gauge', ['carts_sum', 'A.'], 'write carts'],
      ['gauge', ['carts_bucket', 'A.'], 'write carts'],
      ['gauge', ['carts_created', 'A.'], 'write carts'],
      ['histogram', ['carts_count', 'A.'], 'write carts'],
      ['histogram', ['carts_total', 'A.'], 'write carts'],
      ['gauge', ['cartSize', 'A.'], 'promtool wants names in snake_case; write cart_size'],
      ['gauge', ['cart_gauge', 'A.'], 'promtool wants no type in a name; write cart'],
      ['histogram', ['wait_ms', 'A.'], 'promtool wants units in full; write wait_seconds'],
      ['gauge', ['left_minutes', 'A.'], 'promtool wants base units; write left_seconds'],
      ['gauge', ['_count', 'A.'], 'end names of counters and of the lines of a histogram'],
      ['gauge', ['multilane_own', 'A.'], 'the name belongs to Multilane; write shop_own'],
      ['gauge', ['process_own', 'A.'], 'the name belongs to Multilane; write shop_own'],
      ['gauge', ['nodejs_own', 'A.'], 'the name belongs to Multilane; write shop_own'],
      ['gauge', ['a', ' \n'], 'help must be a string that describes the metric, not " \\n"'],
      ['gauge', ['a'], 'help must be a string that describes the metric, not undefined'],
      ['gauge', ['a', 7], 'help must be a string that describes the metric, not 7'],
      ['gauge', ['a', 'A.', null], "labels must be an object such as { kind: 'full' }, not null"],
      ['gauge', ['a', 'A.', ['kind', 5]], 'the name of a label must be a string, not 5'],
      ['gauge', ['a', 'A.', ['kind', 'kind']], 'label "kind" is there twice'],
      ['gauge', ['a', 'A.', ['le']], 'label le is reserved for Prometheus'],
      [
        'gauge',
        ['a', 'A.', {}, 'bytes'],
        'options must be an object such as { unit: \'bytes\' }, not "bytes"',
      ],
      ['gauge', ['a', 'A.', {}, { units: 'x' }], 'gauge has no option "units"'],
      [
        'gauge',
        ['a', 'A.', {}, { unit: 'bytes' }],
        "does not end in it; write a_bytes with { unit: 'bytes' }",
      ],
      ['counter', ['a_total', 'A.', {}, { unit: 'bytes' }], 'does not end in it; write a_bytes_total with'],
      [
        'histogram',
        ['wait_seconds', 'A.', {}, { unit: 'ms' }],
        "its unit is ms, which is not a base unit; write wait_seconds with { unit: 'seconds' }",
      ],
      [
        'gauge',
        ['a', 'A.', {}, { unit: 'total' }],
        'total is not a unit, because no name may end in it; write a',
      ],
      ['gauge', [undefined, 'A.', {}, { unit: 'bytes' }], 'the name must be a string such as'],
      ['gauge', ['a', 'A.', {}, { unit: 5 }], 'unit must be a word such as "bytes", not 5'],
      [
        'gauge',
        ['a', 'A.', {}, { buckets: [1] }],
        'buckets are an option of histograms, and this is a gauge',
      ],
      [
        'histogram',
        ['a', 'A.', {}, { buckets: [] }],
        'buckets must be an array of 1 to 95 numbers, not 0 of',
      ],
      ['histogram', ['a', 'A.', {}, { buckets: 5 }], 'buckets must be an array of 1 to 95 numbers, not 5'],
      [
        'histogram',
        ['a', 'A.', {}, { buckets: [1, 1] }],
        'bucket 2 (1) must be larger than the one before (1)',
      ],
      [
        'histogram',
        ['a', 'A.', {}, { buckets: [1, Infinity] }],
        'bucket 2 must be a finite number >= 0, not Inf',
      ],
      ['histogram', ['a', 'A.', {}, { buckets: [-1] }], 'bucket 1 must be a finite number >= 0, not -1'],
      ['gauge', ['a', 'A.', 'kind'], 'not "kind"'],
      ['gauge', ['a', 'A.', new Map([['kind', 'full']])], 'not a Map'],
      ['gauge', ['a', 'A.', new (class Label {})()], 'not a Label'],
      ['gauge', ['a', 'A.', { kind: undefined }], 'label kind must be a string, not undefined'],
      ['gauge', ['a', 'A.', { kind: 200 }], 'label kind must be a string, not 200'],
      ['gauge', ['a', 'A.', { kind: 5n }], 'label kind must be a string, not 5n'],
      ['gauge', ['a', 'A.', { kind: Symbol('x') }], 'label kind must be a string, not Symbol(x)'],
      ['gauge', ['a', 'A.', { 'a-b': 'x' }], 'label "a-b" must match'],
      ['gauge', ['a', 'A.', { __name: 'x' }], 'label "__name" must match'],
      ['gauge', ['a', 'A.', JSON.parse('{"__proto__":"x"}')], 'label "__proto__" must match'],
      ['gauge', ['a', 'A.', { le: 'x' }], 'label le is reserved for Prometheus; write own_le'],
      ['gauge', ['a', 'A.', { instance: 'x' }], 'label instance is reserved'],
      ['gauge', ['a', 'A.', { cartKind: 'x' }], 'label cartKind is not in snake_case; write cart_kind'],
      ['gauge', ['a', 'A.', numbered(17)], 'it has 17 labels; 16 are the most'],
      ['gauge', ['a', 'A.', numbered(16, 'long'.repeat(5))], 'have more than 300 characters together'],
      [
        'histogram',
        ['a', 'A.', {}, [1, 2, 5]],
        'options must be an object such as { buckets: [1, 5, 10] }, not an array',
      ],
      ['histogram', ['a', 'A.', {}, {}, 1], 'histogram takes name, help, labels and options, and not 1'],
    ];
    for (const [kind, args, message] of refused) {
      const ask = (): unknown => untyped(fresh()('shop'))[kind](...args);
      expect(ask, message).to.throw(TypeError, message);
      expect(ask, message).to.throw(TypeError, /^service shop: metric "?/);
    }
  });

  it("cannot have lines of the product's metrics, whatever their kind", () => {
    for (const name of Object.keys(METRICS)) {
      for (const suffix of ['', '_total', '_bucket', '_sum', '_count']) {
        for (const kind of KINDS) {
          const declare = (): unknown => fresh()('shop')[kind](name.replace(/_total$/, '') + suffix, 'Ours.');
          expect(declare, `${kind} ${name} ${suffix}`).to.throw(TypeError, 'write');
        }
      }
    }
  });

  it('cannot have names of series that Prometheus itself writes', () => {
    const names = [
      'up',
      'up_total',
      'scrape_duration_seconds',
      'scrape_anything',
      'ALERTS',
      'ALERTS_FOR_STATE',
      'target_info',
      'target_info_total',
      'otel_scope_info',
    ];
    for (const name of names) {
      for (const kind of KINDS) {
        const declare = (): unknown => fresh()('shop')[kind](name, 'A.');
        expect(declare, `${kind} ${name}`).to.throw(TypeError, /write \w+/);
      }
    }
    for (const name of ['up', 'target_info', 'otel_scope_info']) {
      const declare = (): unknown => fresh()('shop').gauge(name, 'A.');
      expect(declare, name).to.throw(`Prometheus itself writes this name; write shop_${name}`);
      fresh()('shop').gauge(`shop_${name}`, 'A.');
    }
    for (const name of ['startup', 'up_servers', 'scrapes']) fresh()('shop').gauge(name, 'A.');
  });

  it('are refused with a suggested name that can be declared, whatever names are taken', () => {
    const services = ['shop', 'process', 'multilane', 'wait-ms', 'cart-gauge', 'own', 'n'.repeat(63)];
    const names = [
      'up',
      'scrape_up',
      'process_own',
      'multilane_workers',
      'nodejs_',
      'taken_total',
      'taken',
      `m${'n'.repeat(190)}`,
    ];
    for (const service of services) {
      for (const kind of KINDS) {
        for (const first of KINDS) {
          const all = fresh();
          for (const name of ['taken', 'taken_total', names.at(-1)!])
            attempt(() => all('first')[first](name, 'A.'));
          for (const name of names) {
            // Another service declares each suggested name, so the next suggestion must differ.
            for (let turn = 0; turn < 4; turn++) {
              const refused = attempt(() => all(service)[kind](name, 'A.'));
              const advice = /write (\w+)$/.exec(refused ?? '')?.[1];
              if (advice === undefined) break;
              expect(
                attempt(() => all('taker')[kind](advice, 'A.')),
                `${service} ${kind} ${name}`,
              ).to.equal(undefined);
            }
          }
        }
      }
    }
  });

  it('must be declared equally by all services; the error names the other service', () => {
    const all = fresh();
    all('carts').counter('a_total', 'A.', { of: 'x', by: 'y' }).add();
    all('orders').counter('a_total', 'A.', { by: 'z', of: '' }).add();
    const { counter, gauge } = all('orders');
    const since = 'since service carts has declared it';
    expect(() => gauge('a_total', 'A.', { of: 'x', by: 'y' })).to.throw(
      TypeError,
      `service orders: metric "a_total": it is a counter ${since}; for this gauge write orders_a`,
    );
    expect(() => counter('a_total', 'B.', { of: 'x', by: 'y' })).to.throw(
      TypeError,
      `its help is "A." ${since}, not "B."; write the same one`,
    );
    for (const [labels, shown] of [
      [{ of: 'x' }, '{ of }'],
      [{ of: 'x', by: 'y', kind: 'z' }, '{ by, kind, of }'],
      [{ of: 'x', kind: 'z' }, '{ kind, of }'],
      [undefined, '{  }'],
    ] as const) {
      expect(() => counter('a_total', 'A.', labels)).to.throw(
        TypeError,
        `its labels are { by, of } ${since}, not ${shown}; give each of them, '' where it has no value`,
      );
    }
  });

  it('are at most 256 per service', () => {
    const own = fresh()('shop');
    for (let n = 0; n < 256; n++) own.counter(`n${n}_total`, 'One of many.');
    expect(() => own.counter('n256_total', 'One too many.')).to.throw(
      RangeError,
      'service shop: metric n256_total: a service has at most 256 metrics; use a label',
    );
    own.counter('n0_total', 'One of many.').add();
  });

  it('cannot have lines of another metric of the thread, whichever service declared it', () => {
    const ends = ['count_', 'sum_', 'bucket_', 'created_', 'total_', ''];
    const names = ['m', ...ends.map((end) => `m_${end}total`)];
    const linesOf = (name: string, kind: string): string[] => {
      if (kind === 'histogram') return ['', '_bucket', '_sum', '_count', '_created'].map((end) => name + end);
      const family = name.slice(0, -'_total'.length);
      return kind === 'counter' ? [name, family, `${family}_created`] : [name];
    };
    const all = names.flatMap((name): (readonly [MetricKind, string])[] =>
      KINDS.filter((kind) => (kind === 'counter') === name.endsWith('_total')).map((kind) => [kind, name]),
    );
    for (const [firstKind, first] of all) {
      for (const [kind, name] of all) {
        const of = fresh();
        of('carts')[firstKind](first, 'The first.');
        const declare = (): unknown => of('orders')[kind](name, 'The first.');
        const what = `${firstKind} ${first}, ${kind} ${name}`;
        const isSame = name === first && kind === firstKind;
        if (isSame || !linesOf(name, kind).some((line) => linesOf(first, firstKind).includes(line))) {
          expect(declare, what).to.not.throw();
        } else {
          expect(declare, what).to.throw(TypeError, /service orders: metric .* service carts/);
        }
      }
    }
  });

  it('show no duration of which the unit is wrong', () => {
    const { histogram } = metrics;
    for (const unit of ['bytes', 'meters', 'ratio', 'celsius', 'grams', 'joules', 'volts']) {
      const name = `upload_${unit}`;
      const advice = `its unit is ${unit}, but a histogram without buckets takes microseconds and shows seconds`;
      expect(() => histogram(name, 'A.'), name).to.throw(
        TypeError,
        `${advice}; write ${name} with { buckets:`,
      );
      expect(() => histogram(name, 'A.', {}, { unit }), name).to.throw(TypeError, advice);
      histogram(name, 'A.', {}, { unit, buckets: [1, 5, 10] }).record(5000);
      expect(totalOf(name)).to.equal(5000);
    }
    expect(() => histogram('cart_items', 'A.', {}, { unit: 'items' })).to.throw('with { unit:');
  });

  it('record valid values', () => {
    metrics.counter('jobs_total', 'Jobs.').add();
    metrics.counter('jobs_total', 'Jobs.').add(2 ** 40);
    const gauge = metrics.gauge('level', 'Level.');
    gauge.set(2 ** 33 + 0.25);
    gauge.add(-0.125);
    metrics.histogram('took_seconds', 'Time.').record(1.6);
    expect(totalOf('jobs_total')).to.equal(2 ** 40 + 1);
    expect(totalOf('level')).to.equal(2 ** 33 + 0.125);
    expect(totalOf('took_seconds')).to.equal(2);
    gauge.set(Number.MAX_VALUE);
    gauge.add(Number.MAX_VALUE);
    expect(totalOf('level'), 'a gauge stays finite').to.equal(Number.MAX_VALUE);
  });

  it('have a finite sum over all workers', async () => {
    const [own, other] = [new SeriesMemory(), new SeriesMemory()];
    for (const memory of [own, other]) {
      for (const worker of [1, 2]) {
        const { gauge } = serviceMetrics(new SeriesTable(memory.of(worker)).pool('services'))('shop');
        gauge('most', 'A.').set(Number.MAX_VALUE);
        gauge('least', 'A.').set(-Number.MAX_VALUE);
      }
    }
    const families = await gatherFamilies([() => readTotals(own), () => readTotals(other)]);
    const values = families
      .filter(({ name }) => /^(?:most|least)$/.test(name))
      .map(({ series }) => series[0]?.value);
    expect(values).to.deep.equal([-Number.MAX_VALUE, Number.MAX_VALUE]);
  });

  it('keep nothing of labels beyond their limit', () => {
    const own = new SeriesMemory();
    const { counter } = serviceMetrics(new SeriesTable(own.of(1)).pool('services'))('shop');
    const count = (labelSets: number): void => {
      for (let n = 0; n < labelSets; n++) counter('made_up_total', 'Made up.', { tenant: `t${n}` }).add();
    };
    count(10_000);
    const before = usedHeap();
    count(200_000);
    expect(usedHeap() - before).to.be.below(4e6); // 16 MB if it remembered them
    const counted = readTotals(own).series.filter(({ metric }) => metric === 'made_up_total');
    expect(counted.reduce((sum, { value }) => sum + value, 0)).to.equal(210_000);
  });
});

/** Used heap in bytes after a full garbage collection. */
function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

const numbered = (count: number, name = 'l'): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`${name}${n}`, 'x']));
