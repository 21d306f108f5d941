// The metric of sagas that need an operator, for which a scrape hardly waits.
import { expect } from 'chai';
import { sagaSource } from '#src/primary/metric-sources.js';
import type { MetricReading } from '#src/telemetry/metric-families.js';

const HALF_A_MINUTE = 30_000;

function setUp(services: string[] = ['checkout']) {
  let now = 0;
  const counts: { service: string; end: PromiseWithResolvers<number> }[] = [];
  const journals = {
    services: () => services,
    countIn(service: string) {
      const end = withResolvers();
      counts.push({ service, end });
      return end.promise;
    },
  };
  const source = sagaSource(journals, () => now);
  return {
    counts,
    later: (ms: number): void => {
      now += ms;
    },
    /** @returns what a scrape shows, by journal */
    scrape: async () =>
      [...((await source()) as MetricReading).series].map(({ metric, kind, labels, value }) => {
        expect({ metric, kind }).to.deep.equal({
          metric: 'multilane_sagas_needing_attention',
          kind: 'gauge',
        });
        return [labels.service, value];
      }),
    ended: async (count: number, result: number | Error) => {
      const { end } = counts[count]!;
      if (typeof result === 'number') end.resolve(result);
      else end.reject(result);
      await new Promise(setImmediate);
    },
  };
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function withResolvers(): PromiseWithResolvers<number> {
  let [resolve, reject]: [(value: number) => void, (error: Error) => void] = [() => {}, () => {}];
  const promise = new Promise<number>((...both) => {
    [resolve, reject] = both;
  });
  return { promise, resolve, reject };
}

describe('multilane_sagas_needing_attention', () => {
  it('shows the last count, and makes one new count in half a minute', async () => {
    const { counts, scrape, later, ended } = setUp();
    const scrapes = [scrape(), scrape()];
    expect(counts).to.have.length(1);
    await ended(0, 3);
    expect(await Promise.all(scrapes)).to.deep.equal([[['checkout', 3]], [['checkout', 3]]]);
    later(HALF_A_MINUTE - 1);
    expect(await scrape()).to.deep.equal([['checkout', 3]]);
    expect(counts).to.have.length(1);
    later(1);
    expect(await scrape()).to.deep.equal([['checkout', 3]]);
    expect(counts).to.have.length(2);
    await ended(1, 0);
    expect(await scrape()).to.deep.equal([['checkout', 0]]);
  });

  it('waits for a new count after a pause, and shows an old one only where that takes long', async () => {
    const { counts, scrape, later, ended } = setUp();
    const first = scrape();
    await ended(0, 3);
    await first;
    later(2 * HALF_A_MINUTE);
    const afterwards = scrape();
    await ended(1, 0);
    expect(await afterwards).to.deep.equal([['checkout', 0]]);
    // The count takes longer than a scrape waits for it: a scrape each minute shows that of the one before.
    for (const [shown, counted] of [
      [0, 5],
      [5, 7],
    ] as const) {
      later(2 * HALF_A_MINUTE);
      expect(await scrape()).to.deep.equal([['checkout', shown]]);
      await ended(counts.length - 1, counted);
    }
    later(5 * HALF_A_MINUTE);
    expect(await scrape(), 'too old').to.deep.equal([]);
  });

  it('keeps the last count of a journal that cannot be read, and counts the others', async () => {
    const { counts, scrape, later, ended } = setUp(['checkout', 'travel']);
    const first = scrape();
    await ended(0, 1);
    await ended(1, 2);
    await first;
    later(2 * HALF_A_MINUTE);
    const second = scrape();
    await ended(2, new Error('the database is away'));
    await ended(3, 5);
    expect(await second).to.deep.equal([
      ['checkout', 1],
      ['travel', 5],
    ]);
    expect(counts.map(({ service }) => service)).to.deep.equal(['checkout', 'travel', 'checkout', 'travel']);
  });

  it('is absent without a journal, and begins with the journal', async () => {
    const services: string[] = [];
    const { counts, scrape, ended } = setUp(services);
    expect(await scrape()).to.deep.equal([]);
    expect(counts).to.deep.equal([]);
    services.push('checkout');
    const first = scrape();
    await ended(0, 0);
    expect(await first).to.deep.equal([['checkout', 0]]);
  });
});
