import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import fc from 'fast-check';
import { clearGauges, SERIES_PER_METRIC, SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { rowsOf } from '#src/memory/metrics/series-rows.js';
import { ROWS_PER_PAUSE, readTotals, TotalsReader } from '#src/memory/metrics/totals.js';
import { addWide, loadWide, readWide } from '#src/memory/metrics/wide.js';
import { killAt } from './stepped-atomics.js';

const countOf = (memory: SeriesMemory, metric: string, labels: Record<string, string> = {}): number =>
  readTotals(memory).series.find(
    (series) => series.metric === metric && JSON.stringify(series.labels) === JSON.stringify(labels),
  )?.value ?? Number.NaN;

describe('metric series in shared memory', () => {
  it('merge over threads by metric and labels, whatever the order of the labels', () => {
    const memory = new SeriesMemory();
    new SeriesTable(memory.of(1)).counter('calls_total', { a: '1', b: '2' }).add(3);
    new SeriesTable(memory.of(2)).counter('calls_total', { b: '2', a: '1' }).add(4);
    new SeriesTable(memory.of(2)).counter('calls_total', { b: '3', a: '1' }).add(5);
    expect(countOf(memory, 'calls_total', { a: '1', b: '2' })).to.equal(7);
    expect(countOf(memory, 'calls_total', { a: '1', b: '3' })).to.equal(5);
  });

  it('are read a few at a time, with the same result', async () => {
    const memory = new SeriesMemory();
    for (const slot of [0, 1, 2, 3]) {
      const table = new SeriesTable(memory.of(slot));
      table.declare('own_total', 'counter', 'What a service counts.');
      for (let n = 0; n < 600; n += 1) table.counter('own_total', { n: String(n) }).add(slot);
    }
    let pauses = 0;
    const totals = await new TotalsReader(memory).readInTurns(async () => {
      pauses += 1;
    });
    expect(totals).to.deep.equal(readTotals(memory));
    expect(totals.overflow).to.be.greaterThan(0);
    const rows = memory.all().flatMap((one) => [...rowsOf(one)]).length;
    expect(pauses).to.be.within(rows / ROWS_PER_PAUSE - memory.all().length, rows / ROWS_PER_PAUSE);
  });

  it('keep their type when there is no room for more', () => {
    const memory = new SeriesMemory();
    const table = new SeriesTable(memory.of(1));
    for (let n = 0; n < SERIES_PER_METRIC; n += 1) table.counter('many_total', { n: String(n) }).add();
    table.declare('took', 'histogram', 'How long it took.');
    table.histogram('took').record(5);
    const { declarations, series } = readTotals(memory);
    expect(declarations[0]).to.include({ metric: 'took', kind: 'histogram', help: 'How long it took.' });
    expect(series.find(({ metric }) => metric === 'took')).to.deep.include({ kind: 'histogram', value: 5 });
  });

  it('hold gauges of any finite number for each thread, and additions to them', () => {
    const memory = new SeriesMemory();
    const values = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(values, values, (set, added) => {
        const gauge = new SeriesTable(memory.of(1)).gauge('level');
        gauge.set(set);
        expect(countOf(memory, 'level')).to.equal(set + 0);
        gauge.add(added);
        const sum = Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, set + added));
        expect(countOf(memory, 'level')).to.equal(sum);
      }),
      {
        examples: [
          [2 ** 31, 0.5],
          [-(2 ** 40), 1e300],
          [0.1, 0.2],
        ],
      },
    );
  });

  it('are found again by the next thread of the slot, so totals never go down', () => {
    const memory = new SeriesMemory();
    new SeriesTable(memory.of(1)).histogram('seconds', { route: '/' }).record(1_000);
    new SeriesTable(memory.of(1)).gauge('now').set(5);
    const next = new SeriesTable(memory.of(1));
    next.histogram('seconds', { route: '/' }).record(2_000);
    const [histogram] = readTotals(memory).series;
    expect(histogram?.value).to.equal(3_000);
    expect(histogram?.cells?.reduce((sum, n) => sum + n, 0)).to.equal(2);
    expect(countOf(memory, 'now'), 'a gauge holds the current value').to.equal(0);
  });

  it('keep the longest duration of all threads, also of those that have ended, however long it is', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(2 ** 52), { minLength: 1 }), { minLength: 1 }), (threads) => {
        const memory = new SeriesMemory();
        for (const [thread, durations] of threads.entries()) {
          const histogram = new SeriesTable(memory.of(1 + (thread % 2))).histogram('seconds');
          for (const us of durations) histogram.record(us);
        }
        const [series] = readTotals(memory).series;
        expect(series?.longest).to.equal(Math.max(...threads.flat()));
      }),
      { numRuns: 50 },
    );
  });

  it('have the type that was declared last, in whichever thread', () => {
    const memory = new SeriesMemory();
    const kinds = ['counter', 'gauge', 'counter', 'histogram', 'gauge'] as const;
    for (const [turn, kind] of kinds.entries()) {
      new SeriesTable(memory.of(1 + (turn % 3))).declare('own', kind, `Help ${turn}.`);
      expect(readTotals(memory).declarations).to.have.length(1);
      expect(readTotals(memory).declarations[0]).to.include({ kind, help: `Help ${turn}.` });
    }
  });

  it('count gauges of a thread as zero once it has ended, and continue its totals', () => {
    const memory = new SeriesMemory();
    for (const slot of [1, 2]) {
      const series = new SeriesTable(memory.of(slot));
      series.gauge('now').set(5);
      series.counter('calls_total').add(3);
    }
    clearGauges(memory.of(1));
    expect([countOf(memory, 'now'), countOf(memory, 'calls_total')]).to.deep.equal([5, 6]);
  });

  it('hold labels of any text, byte for byte, but a NUL, for which Prometheus refuses the page', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const memory = new SeriesMemory();
        new SeriesTable(memory.of(1)).counter('x_total', { text }).add();
        const [series] = readTotals(memory).series;
        const wellFormed = new TextDecoder('utf-8', { ignoreBOM: true })
          .decode(new TextEncoder().encode(text))
          .replaceAll('\x1f', ' ')
          .replaceAll('\0', '\ufffd');
        expect(series?.labels).to.deep.equal({ text: wellFormed });
      }),
      { numRuns: 100, examples: [['a\0b']] },
    );
  });

  it('are the same where labels differ only in lone surrogates, which no page can show', () => {
    const memory = new SeriesMemory();
    const table = new SeriesTable(memory.of(1));
    for (const half of ['\ud800', '\udc00', '\ufffd']) table.gauge('level', { half }).set(5);
    expect(countOf(memory, 'level', { half: '\ufffd' })).to.equal(5);
  });

  it('share an overflow row when rows run out, losing no event and counting the overflow', () => {
    const memory = new SeriesMemory();
    const table = new SeriesTable(memory.of(1));
    const labels = SERIES_PER_METRIC + 100;
    for (let index = 0; index < labels; index++) table.counter('x_total', { id: String(index) }).add();
    const { series, overflow } = readTotals(memory);
    const own = series.filter(({ metric }) => metric === 'x_total');
    expect(own.reduce((sum, { value }) => sum + value, 0)).to.equal(labels);
    expect(countOf(memory, 'x_total')).to.equal(overflow);
    expect(overflow).to.be.greaterThan(99);
  });

  it('count over-long labels in the overflow row', () => {
    const memory = new SeriesMemory();
    new SeriesTable(memory.of(1)).counter('x_total', { long: 'x'.repeat(2_000) }).add();
    expect(countOf(memory, 'x_total')).to.equal(1);
  });

  it('hold the type and help of metrics that services declare', () => {
    const memory = new SeriesMemory();
    new SeriesTable(memory.of(1)).declare('mine_total', 'counter', 'What is mine.');
    expect(readTotals(memory).declarations).to.have.length(1);
    expect(readTotals(memory).declarations[0]).to.include({
      metric: 'mine_total',
      kind: 'counter',
      help: 'What is mine.',
    });
  });

  it('never lose an event of real threads, and never go down while they count', async () => {
    const memory = new SeriesMemory();
    const events = 200_000;
    const threads = [1, 2, 3].map(
      (slot) =>
        new Worker(new URL('./counting-thread.js', import.meta.url), {
          workerData: { memory: memory.of(slot), events },
        }),
    );
    const ended = Promise.all(threads.map((thread) => once(thread, 'exit')));
    let running = true;
    void ended.then(() => {
      running = false;
    });
    let before = 0;
    while (running) {
      const now = countOf(memory, 'events_total');
      if (!Number.isNaN(now)) {
        expect(now).to.be.at.least(before);
        before = now;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
    expect(countOf(memory, 'events_total')).to.equal(3 * events);
  });
});

describe('wide counts', () => {
  const [HOUR, DAY, MAX] = [3_600_000_000, 86_400_000_000, Number.MAX_SAFE_INTEGER];
  const ODD = fc.oneof(
    fc.nat(2 ** 46),
    fc.constantFrom(2 ** 32 - 1, 2 ** 32, 2 ** 33 - 1, 2 ** 33, 8 * HOUR, DAY, 60 * DAY),
  );

  it('are exact up to the largest whole number', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (first) => {
        const words = new Int32Array(new SharedArrayBuffer(8));
        addWide(words, 0, first);
        addWide(words, 0, MAX - first);
        expect(readWide(words, 0)).to.equal(MAX);
      }),
    );
  });

  it('stop at the largest count, and never go down', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(1, 2 ** 31, 2 ** 52, MAX), { minLength: 1, maxLength: 9 }),
        (steps) => {
          const words = new Int32Array(new SharedArrayBuffer(8));
          let before = 0;
          for (let round = 0; round < 5_000 / steps.length; round++) {
            for (const step of steps) addWide(words, 0, step);
            const now = readWide(words, 0);
            if (now < before || now > 2 ** 63) expect.fail(`${now} after ${before}`);
            before = now;
          }
        },
      ),
      { examples: [[[MAX]], [[2 ** 52]]] },
    );
  });

  it('are the same when both words are loaded at once, whatever their bits', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (low, high) => {
        const words = new Int32Array(new SharedArrayBuffer(16));
        words.set([low, high], 2);
        const doubles = new Float64Array(words.buffer);
        expect(loadWide(doubles, 1)).to.equal(readWide(words, 2));
      }),
      {
        examples: [
          [-1, 2 ** 31 - 1],
          [0, 0x7ff00000],
          [1, 0x7ff00000],
          [-1, -1],
          [0, -(2 ** 31)],
        ],
      },
    );
  });

  it('carry past 32 bits', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), ODD), { maxLength: 50 }),
        (steps) => {
          const words = new Int32Array(new SharedArrayBuffer(8));
          for (const step of steps) addWide(words, 0, step);
          expect(readWide(words, 0)).to.equal(steps.reduce((sum, step) => sum + step, 0));
        },
      ),
    );
  });

  it('lose no count when their writer is lost at any moment of a carry and another one continues', () => {
    let isKilled = true;
    for (let moment = 0; isKilled; moment++) {
      const words = new Int32Array(new SharedArrayBuffer(8));
      addWide(words, 0, 2 ** 32 - 1);
      isKilled = killAt(moment, () => addWide(words, 0, 2));
      const before = readWide(words, 0);
      expect(before, `at moment ${moment}`).to.be.oneOf([2 ** 32 - 1, 2 ** 32 + 1]);
      addWide(words, 0, 10);
      expect(readWide(words, 0), `at moment ${moment}`).to.equal(before + 10);
    }
  });
});
