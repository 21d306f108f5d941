import { expect } from 'chai';
import { SeriesTable } from '#src/memory/series.js';
import { SeriesMemory } from '#src/memory/series-memory.js';
import { readTotals } from '#src/memory/totals.js';
import { serviceMetrics } from '#src/telemetry/service-metrics.js';

describe('the metrics of a service', () => {
  const memory = new SeriesMemory();
  const metrics = serviceMetrics(new SeriesTable(memory.of(1)))('shop');
  const totalOf = (name: string): number | undefined =>
    readTotals(memory).series.find(({ metric }) => metric === name)?.value;

  it('refuse what is no number of theirs, and name the metric', () => {
    const counter = metrics.counter('jobs_total', 'Jobs.');
    const gauge = metrics.gauge('level', 'Level.');
    const histogram = metrics.histogram('took_seconds', 'Time.');
    const odd = [Number.NaN, Infinity, -Infinity, '5', undefined, null, 5n, {}] as number[];
    for (const value of [...odd.filter((one) => one !== undefined), -1, 0.5]) {
      expect(() => counter.add(value), String(value)).to.throw(TypeError, 'jobs_total.add');
    }
    for (const value of odd) {
      expect(() => gauge.set(value), String(value)).to.throw(TypeError, 'level.set');
      expect(() => gauge.add(value), String(value)).to.throw(TypeError, 'level.add');
    }
    for (const value of [...odd, -1]) {
      expect(() => histogram.record(value), String(value)).to.throw(TypeError, 'took_seconds.record');
    }
    expect([totalOf('jobs_total'), totalOf('level'), totalOf('took_seconds')]).to.deep.equal([0, 0, 0]);
  });

  it('are of one kind each, and no more than 256', () => {
    const own = serviceMetrics(new SeriesTable(new SeriesMemory().of(1)))('shop');
    own.counter('a_total', 'A.', { of: 'x' }).add();
    own.counter('a_total', 'A, said in other words.', { of: 'y' }).add();
    expect(() => own.gauge('a_total', 'A.')).to.throw(TypeError, 'a_total is declared as a counter already');
    for (let n = 1; n < 256; n++) own.counter(`n${n}_total`, 'One of many.');
    expect(() => own.counter('n256_total', 'One too many.')).to.throw(RangeError, 'n256_total');
    own.counter('a_total', 'A.').add();
  });

  it('have lines that no other metric of the thread has, whichever service declares it', () => {
    const kinds = ['counter', 'gauge', 'histogram'] as const;
    const names = ['m', 'm_count', 'm_sum', 'm_bucket', 'm_count_count'];
    const linesOf = (name: string, kind: string): string[] =>
      kind === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
    for (const firstName of names) {
      for (const firstKind of kinds) {
        for (const name of names) {
          for (const kind of kinds) {
            const of = serviceMetrics(new SeriesTable(new SeriesMemory().of(1)));
            of('carts')[firstKind](firstName, 'The first.');
            const declare = (): unknown => of('orders')[kind](name, 'The second.');
            const lines = linesOf(firstName, firstKind);
            const isSame = name === firstName && kind === firstKind;
            const what = `${firstKind} ${firstName}, ${kind} ${name}`;
            if (isSame || !linesOf(name, kind).some((line) => lines.includes(line))) {
              expect(declare, what).to.not.throw();
            } else {
              expect(declare, what).to.throw(TypeError, new RegExp(`metric ${name} .* service carts`));
            }
          }
        }
      }
    }
  });

  it('count what is one', () => {
    metrics.counter('jobs_total', 'Jobs.').add();
    metrics.counter('jobs_total', 'Jobs.').add(2 ** 40);
    const gauge = metrics.gauge('level', 'Level.');
    gauge.set(2 ** 33 + 0.25);
    gauge.add(-0.125);
    metrics.histogram('took_seconds', 'Time.').record(1.6);
    expect(totalOf('jobs_total')).to.equal(2 ** 40 + 1);
    expect(totalOf('level')).to.equal(2 ** 33 + 0.125);
    expect(totalOf('took_seconds')).to.equal(2);
  });
});
