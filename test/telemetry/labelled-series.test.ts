import { expect } from 'chai';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { serviceMetrics } from '#src/telemetry/service-metrics.js';

function shop() {
  const memory = new SeriesMemory();
  const metrics = serviceMetrics(new SeriesTable(memory.of(1)).pool('services'))('shop');
  const seriesOf = (name: string) => readTotals(memory).series.filter(({ metric }) => metric === name);
  return { metrics, seriesOf };
}

describe('labels that are given with each observation', () => {
  it('choose the series of a counter, a gauge and a histogram', () => {
    const { metrics, seriesOf } = shop();
    const carts = metrics.counter('carts_total', 'Carts.', ['how', 'from']);
    carts.add(2, { how: 'bought', from: 'web' });
    carts.add(undefined, { from: 'web', how: 'bought' });
    carts.add(1, { how: 'left', from: '' });
    expect(seriesOf('carts_total').map(({ labels, value }) => [labels.how, value])).to.deep.equal([
      ['bought', 3],
      ['left', 1],
    ]);
    const open = metrics.gauge('open_carts', 'Open.', ['from']);
    open.set(5, { from: 'web' });
    open.add(-2, { from: 'web' });
    expect(seriesOf('open_carts')[0]).to.deep.include({ labels: { from: 'web' }, value: 3 });
    const sizes = metrics.histogram('sizes', 'Sizes.', ['from'], { buckets: [1, 10] });
    sizes.record(2.5, { from: 'web' });
    expect(seriesOf('sizes')[0]).to.deep.include({ labels: { from: 'web' }, value: 2.5, bounds: [1, 10] });
  });

  it('must be the declared ones, with strings; a wrong observation records nothing', () => {
    const { metrics, seriesOf } = shop();
    const carts = metrics.counter('carts_total', 'Carts.', ['how', 'from']);
    const wrong: readonly (readonly [unknown, string])[] = [
      [undefined, 'not undefined'],
      [null, 'not null'],
      ['bought', 'not "bought"'],
      [{ how: 'bought' }, 'not undefined for label from'],
      [{ how: 'bought', from: 5 }, 'not 5 for label from'],
      [{ how: 'bought', from: 'web', to: 'x' }, 'not a label "to" that is not declared'],
      [Object.create({ how: 'a', from: 'b' }), 'not undefined for label how'],
    ];
    for (let turn = 0; turn < 2; turn++) {
      for (const [labels, message] of wrong) {
        expect(() => carts.add(1, labels), message).to.throw(
          TypeError,
          `service shop: metric "carts_total": add takes strings for the labels how, from behind the number, ${message}`,
        );
      }
      expect(() => carts.add(-1, { how: 'bought', from: 'web' })).to.throw(TypeError, 'not -1');
      if (turn === 0) expect(seriesOf('carts_total')).to.deep.equal([]);
      carts.add(1, { how: 'bought', from: 'web' });
    }
    expect(seriesOf('carts_total')[0]?.value).to.equal(2);
  });

  it('are used as they were checked, when a getter returns another value each time', () => {
    const { metrics, seriesOf } = shop();
    const carts = metrics.counter('carts_total', 'Carts.', ['how']);
    const changing = (...values: unknown[]) => ({
      get how(): unknown {
        return values.length > 1 ? values.shift() : values[0];
      },
    });
    for (const values of [
      ['a', 'b'],
      ['c', 'a', 'b'],
      ['a', 5],
      ['d', undefined],
    ]) {
      try {
        carts.add(1, changing(...values));
      } catch (error) {
        expect(error).to.be.instanceOf(TypeError);
      }
    }
    const counted = () => new Map(seriesOf('carts_total').map(({ labels, value }) => [labels.how, value]));
    const before = counted();
    expect([...before.keys()].every((how) => typeof how === 'string')).to.equal(true);
    for (const how of ['a', 'b', 'c', 'd']) {
      carts.add(10, { how });
      expect(counted().get(how), how).to.equal((before.get(how) ?? 0) + 10);
    }
  });

  it('are distinct for values that only look alike when they are joined', () => {
    const { metrics, seriesOf } = shop();
    const pairs = metrics.counter('pairs_total', 'Pairs.', ['a', 'b']);
    pairs.add(1, { a: '1:x', b: '' });
    pairs.add(1, { a: '', b: '1:x' });
    pairs.add(1, { a: '1', b: ':x' });
    expect(seriesOf('pairs_total')).to.have.length(3);
  });

  it('count beyond 512 series, or with values that are too long, in the series without labels', () => {
    const { metrics, seriesOf } = shop();
    const named = metrics.counter('named_total', 'Named.', ['name']);
    for (let n = 0; n < 2_000; n++) named.add(1, { name: `n${n}` });
    named.add(1, { name: 'long'.repeat(1_000) });
    const series = seriesOf('named_total');
    expect(series).to.have.length(513);
    expect(series.find(({ labels }) => Object.keys(labels).length === 0)?.value).to.equal(1_489);
    named.add(1, { name: 'n3' });
    expect(seriesOf('named_total').find(({ labels }) => labels.name === 'n3')?.value).to.equal(2);
  });

  it('must be declared equally everywhere, buckets too', () => {
    const { metrics } = shop();
    metrics.histogram('sizes', 'Sizes.', ['from'], { buckets: [1, 10] });
    metrics.histogram('sizes', 'Sizes.', { from: 'web' }, { buckets: [1, 10] });
    expect(() => metrics.histogram('sizes', 'Sizes.', ['from'], { buckets: [1, 5] })).to.throw(
      TypeError,
      'its buckets are [1, 10] since service shop has declared it, not [1, 5]; write the same',
    );
    expect(() => metrics.histogram('sizes', 'Sizes.', ['from'])).to.throw('not those of durations');
    expect(() => metrics.histogram('sizes', 'Sizes.', ['to'], { buckets: [1, 10] })).to.throw(
      'its labels are { from } since service shop has declared it, not { to }',
    );
  });
});
