import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import fc from 'fast-check';
import { bucketOf, ExemplarReader, writeExemplar } from '#src/memory/metrics/exemplars.js';
import { cellOf, LE_BOUNDS_US } from '#src/memory/metrics/histogram.js';
import type { Exemplar } from '#src/memory/metrics/recorder.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { PART_BYTES, SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { CELL_WORDS } from '#src/memory/metrics/series-rows.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { type ExemplarOrder, traceOf } from './exemplar-thread.js';
import { killAt } from './stepped-atomics.js';

const hex = (digits: number) =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: digits, maxLength: digits })
    .map((nibbles) => nibbles.map((nibble) => nibble.toString(16)).join(''))
    .filter((id) => !/^0+$/.test(id));
const trace = fc.record({ traceId: hex(32), spanId: hex(16) });
const cells = () => new Int32Array(new SharedArrayBuffer(CELL_WORDS * 4));
const ONE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
const NAME = 'http_server_request_duration_seconds';

const readExemplars = (words: Int32Array, latest?: number): readonly (Exemplar | undefined)[] =>
  new ExemplarReader(words).read(latest);

describe('the exemplars of a histogram', () => {
  it('are read as they were written, the latest of each bucket', () => {
    const observations = fc.array(fc.tuple(fc.nat(2 ** 45), trace, fc.integer({ min: 1, max: 2 ** 45 })), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(observations, (all) => {
        const words = cells();
        const latest = new Map<number, object>();
        for (const [microseconds, ids, at] of all) {
          writeExemplar(words, microseconds, ids, at);
          latest.set(bucketOf(microseconds), { ...ids, microseconds, at });
        }
        const read = readExemplars(words);
        expect(read).to.have.length(LE_BOUNDS_US.length + 1);
        for (const [bucket, exemplar] of read.entries()) expect(exemplar).to.deep.equal(latest.get(bucket));
      }),
      { numRuns: 100 },
    );
  });

  it('are the same for a reader that remembers them, also while one is written', () => {
    const writes = fc.array(
      fc.record({ us: fc.nat(2 ** 24), ids: trace, at: fc.integer({ min: 1, max: 100 }), stops: fc.nat(50) }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(writes, fc.nat(100), (all, latest) => {
        const words = cells();
        const reader = new ExemplarReader(words);
        for (const { us, ids, at, stops } of all) {
          killAt(stops, () => writeExemplar(words, us, ids, at));
          expect(reader.read(latest)).to.deep.equal(readExemplars(words, latest));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('are in the bucket of their duration when that is no whole number, in which it is counted, too', () => {
    for (const [bucket, bound] of LE_BOUNDS_US.entries()) {
      for (const [microseconds, expected] of [
        [bound + 0.3, bucket],
        [bound + 0.7, bucket + 1],
      ] as const) {
        const memory = new SeriesMemory();
        new SeriesTable(memory.of(1)).histogram(NAME).record(microseconds, ONE);
        const { exemplars, cells, value } = readTotals(memory).series[0]!;
        expect(exemplars![expected]).to.include({ ...ONE, microseconds: Math.round(microseconds) });
        expect(cells!.findIndex((count) => count > 0)).to.equal(cellOf(Math.round(microseconds)));
        expect(value).to.equal(Math.round(microseconds));
      }
    }
  });

  it('are not shown before their time, when the clock was ahead while they were written', () => {
    const memory = new SeriesMemory();
    const [ahead, right] = [1, 2].map((slot) => new SeriesTable(memory.of(slot)).histogram(NAME));
    const { now } = Date;
    Date.now = () => now() + 86_400_000;
    try {
      ahead!.record(1_000, ONE);
    } finally {
      Date.now = now;
    }
    expect(readTotals(memory).series[0]!.exemplars?.[0]).to.equal(undefined);
    const other = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) };
    right!.record(2_000, other);
    expect(readTotals(memory).series[0]!.exemplars?.[0]).to.include(other);
  });

  it('are shown when they are dated at most a second ahead', () => {
    const { now } = Date;
    const at = now();
    try {
      for (const ahead of [0, 999, 1_000, 1_001, 5_000, 60_000, 3_600_000]) {
        const memory = new SeriesMemory();
        Date.now = () => at + ahead;
        new SeriesTable(memory.of(1)).histogram(NAME).record(1_000, ONE);
        Date.now = () => at;
        const shown = readTotals(memory).series[0]!.exemplars?.[0];
        expect(shown?.traceId, `${ahead} ms`).to.equal(ahead <= 1_000 ? ONE.traceId : undefined);
      }
    } finally {
      Date.now = now;
    }
  });

  it('have buckets whose bounds are inclusive', () => {
    for (const [bucket, bound] of LE_BOUNDS_US.entries()) {
      expect(bucketOf(bound)).to.equal(bucket);
      expect(bucketOf(bound + 1)).to.equal(bucket + 1);
    }
  });

  it('are not shown while their writer is in the middle, at every step, and go on with its successor', () => {
    const words = cells();
    writeExemplar(words, 1_000, ONE, 5);
    const store = Atomics.store;
    const other = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) };
    for (let step = 1; step < 12; step++) {
      const copy = cells();
      copy.set(words);
      let steps = 0;
      const lost = new Error('the thread is lost');
      (Atomics as { store: unknown }).store = (...args: Parameters<typeof store>) => {
        if (steps++ === step) throw lost;
        return store(...args);
      };
      try {
        expect(() => writeExemplar(copy, 2_000, other, 6), `step ${step}`).to.throw(lost);
      } finally {
        Atomics.store = store;
      }
      expect(readExemplars(copy)[0], `step ${step}`).to.equal(undefined);
      writeExemplar(copy, 3_000, other, 7);
      expect(readExemplars(copy)[0]).to.deep.equal({ ...other, microseconds: 3_000, at: 7 });
    }
  });

  it('are not shown when other code has overwritten them with a value of another bucket', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: CELL_WORDS, maxLength: CELL_WORDS }), (garbage) => {
        const words = cells();
        words.set(garbage);
        for (const [bucket, exemplar] of readExemplars(words).entries()) {
          if (exemplar !== undefined) expect(bucketOf(exemplar.microseconds)).to.equal(bucket);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('belong to their series, and the latest of all threads is shown', () => {
    const memory = new SeriesMemory();
    const [first, second] = [1, 2].map((slot) => new SeriesTable(memory.of(slot)));
    first!.histogram(NAME, { http_route: '/a' }).record(1_000, ONE);
    first!.histogram(NAME, { http_route: '/b' }).record(1_000);
    const exemplarsOf = (route: string) =>
      readTotals(memory).series.find(({ labels }) => labels.http_route === route)?.exemplars;
    expect(exemplarsOf('/a')?.[0]).to.include({ ...ONE, microseconds: 1_000 });
    expect(exemplarsOf('/b')).to.equal(undefined);
    const at = exemplarsOf('/a')![0]!.at;
    const later = { traceId: 'e'.repeat(32), spanId: 'f'.repeat(16) };
    const { now } = Date;
    Date.now = () => at + 1;
    try {
      second!.histogram(NAME, { http_route: '/a' }).record(2_000, later);
    } finally {
      Date.now = now;
    }
    expect(exemplarsOf('/a')?.[0]).to.include({ ...later, microseconds: 2_000 });
    // A thread that takes over a slot continues with the row of the earlier one.
    const used = memory.of(1).byteLength;
    new SeriesTable(memory.of(1)).histogram(NAME, { http_route: '/a' }).record(9_000, ONE);
    expect(exemplarsOf('/a')?.[1]).to.include({ ...ONE, microseconds: 9_000 });
    expect(memory.of(1).byteLength).to.equal(used);
  });

  it('are never read torn while their thread writes', async () => {
    const memory = new SeriesMemory();
    const workerData: ExemplarOrder = { memory: memory.of(1), metric: NAME };
    const writer = new Worker(new URL('./exemplar-thread.js', import.meta.url), { workerData });
    await once(writer, 'message');
    const seen = new Set<number>();
    try {
      while (seen.size < 200) {
        const exemplar = readTotals(memory).series[0]?.exemplars?.[0];
        if (exemplar === undefined) continue;
        const { traceId, spanId, microseconds } = exemplar;
        expect({ traceId, spanId }).to.deep.equal(traceOf(microseconds));
        seen.add(microseconds);
      }
    } finally {
      await writer.terminate();
    }
  });

  it('take no room from counts: without room there are no exemplars', () => {
    const memory = new SeriesMemory();
    const routes = new SeriesTable(memory.of(1)).pool('routes');
    let made = 0;
    while (memory.of(1).byteLength < PART_BYTES.runtime * 0.51) {
      routes.histogram(NAME, { http_route: `/${made++}` }).record(1);
    }
    routes.histogram(NAME, { http_route: '/late' }).record(1_000, ONE);
    const late = readTotals(memory).series.find(({ labels }) => labels.http_route === '/late');
    expect(late?.cells?.reduce((sum, one) => sum + one, 0)).to.equal(1);
    expect(late?.exemplars).to.equal(undefined);
  });
});
