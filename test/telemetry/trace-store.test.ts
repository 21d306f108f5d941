import { expect } from 'chai';
import { SpanMemory, SpanRingWriter } from '#src/memory/span-ring.js';
import { SpanLog } from '#src/telemetry/span-log.js';
import { readSpanRecord, type SpanRecord, writeSpanRecord } from '#src/telemetry/span-record.js';
import { RecentTrace, TraceStore } from '#src/telemetry/trace-store.js';

const id = (n: number): string => n.toString(16).padStart(32, '0');
const spanId = (n: number): string => n.toString(16).padStart(16, '0');

const recordOf = (over: Partial<SpanRecord> = {}): SpanRecord => ({
  traceId: id(1),
  spanId: spanId(1),
  parentSpanId: undefined,
  name: 'GET /api/users/{id}',
  kind: 'server',
  begunAt: 12.3456,
  startedAt: 1_700_000_000_000,
  durationMs: 1.25,
  errorType: undefined,
  message: undefined,
  attributes: { 'http.route': '/api/users/{id}', 'http.response.status_code': 200 },
  links: [],
  worker: 2,
  ...over,
});

const read = (record: SpanRecord): SpanRecord | undefined =>
  readSpanRecord(Buffer.from(writeSpanRecord(record)).toString());

describe('the record of a span', () => {
  it('is read as it was written, with microseconds', () => {
    const links = [{ traceId: id(7), spanId: spanId(8) }];
    const record = recordOf({ parentSpanId: spanId(3), errorType: 'INTERNAL', message: 'ü\n"', links });
    expect(read(record)).to.deep.equal({ ...record, begunAt: 12.346 });
  });

  it('is bounded: texts are cut, and attributes that make it too long are omitted', () => {
    const text = '€'.repeat(10_000);
    const one = read(recordOf({ name: text, message: text, attributes: { a: text, b: true } }))!;
    expect([one.name.length, one.message?.length, String(one.attributes.a).length]).to.deep.equal([
      257, 513, 513,
    ]);
    const many = Object.fromEntries(Array.from({ length: 31 }, (_, n) => [`a${n}`, 'x'.repeat(400)]));
    const large = recordOf({ attributes: many });
    expect(writeSpanRecord(large).length).to.be.below(4_097);
    expect(read(large)?.attributes).to.deep.equal({ 'multilane.truncated': true });
    const few = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`a${n}`, n]));
    expect(Object.keys(read(recordOf({ attributes: few }))!.attributes)).to.have.length(33);
  });

  it('is read only when it has its form', () => {
    const good = JSON.parse(String(Buffer.from(writeSpanRecord(recordOf())))) as unknown[];
    expect(readSpanRecord(JSON.stringify(good))).to.not.equal(undefined);
    for (const at of [0, 1, 3, 4, 5, 6, 11, 12])
      for (const wrong of [null, {}, -1, 'x', [id(1)]])
        if (!(at === 3 && wrong === 'x'))
          expect(readSpanRecord(JSON.stringify(good.with(at, wrong))), `${at}`).to.equal(undefined);
    for (const text of ['', 'null', '{}', '[]', '[1', '\0'])
      expect(readSpanRecord(text), text).to.equal(undefined);
    const strange = good
      .with(9, { a: { b: 1 }, c: null, d: 'd' })
      .with(10, [1, ['x', 'y'], [id(1), spanId(2)]]);
    expect(readSpanRecord(JSON.stringify(strange))).to.deep.include({
      attributes: { d: 'd' },
      links: [{ traceId: id(1), spanId: spanId(2) }],
    });
  });
});

describe('the recent traces of a process', () => {
  it('consist of the spans of all threads, the latest trace first', async () => {
    const memory = new SpanMemory(2);
    const store = new TraceStore(memory);
    expect(await store.recent()).to.deep.equal([]);
    const logs = [1, 2].map((slot) => new SpanLog(memory.of(slot), slot, () => 0));
    logs[0]!.add(recordOf({ begunAt: 10 }));
    logs[1]!.add(recordOf({ begunAt: 11, spanId: spanId(2), parentSpanId: spanId(1), name: 'inner' }));
    logs[1]!.add(recordOf({ begunAt: 20, traceId: id(2) }));
    const seen = await store.recent();
    expect(seen.map(({ traceId, spans }) => [traceId, spans.size])).to.deep.equal([
      [id(2), 1],
      [id(1), 2],
    ]);
    const one = await store.get(id(1));
    expect([...one!.spans].map(({ name, worker }) => [name, worker])).to.deep.equal([
      ['GET /api/users/{id}', 1],
      ['inner', 2],
    ]);
    expect([one!.top.root.name, one!.begunAt]).to.deep.equal(['GET /api/users/{id}', 10]);
    expect(store.isIncomplete(one!, one!.top)).to.equal(false);
    expect(await store.get(id(3))).to.equal(undefined);
  });

  it('show the first span as the root when the real one is in another process, and say so', async () => {
    const memory = new SpanMemory(1);
    const log = new SpanLog(memory.of(1), 1, () => 0);
    log.add(recordOf({ begunAt: 5, spanId: spanId(9), parentSpanId: spanId(8), name: 'second' }));
    log.add(recordOf({ begunAt: 4, spanId: spanId(8), parentSpanId: spanId(77), name: 'first' }));
    const store = new TraceStore(memory);
    const [trace] = await store.recent();
    expect(trace!.top.root.name).to.equal('first');
    expect(store.isIncomplete(trace!, trace!.top)).to.equal(true);
  });

  it('are displaced by newer ones, also while nobody looks, and take no more memory than the rings', async () => {
    const memory = new SpanMemory(1);
    const log = new SpanLog(memory.of(1), 1, () => 0);
    const store = new TraceStore(memory);
    const counts: number[] = [];
    for (let n = 1; n <= 20_000; n++) {
      log.add(recordOf({ traceId: id(n), begunAt: n }));
      if (n % 2_500 === 0) counts.push((await store.recent()).length);
    }
    for (const count of counts) expect(count).to.be.within(500, 2_500);
    const seen = await store.recent();
    expect(seen[0]?.traceId).to.equal(id(20_000));
    expect(seen.map(({ begunAt }) => begunAt)).to.deep.equal(seen.map((_, at) => 20_000 - at));
  });

  for (const [how, every] of [
    ['only at the end', Number.POSITIVE_INFINITY],
    ['now and then', 700],
    ['all the time', 50],
  ] as const) {
    it(`say so when some of their spans were displaced, when they are read ${how}`, async () => {
      const memory = new SpanMemory(2);
      const store = new TraceStore(memory);
      let now = 0;
      const logs = [1, 2].map((slot) => new SpanLog(memory.of(slot), slot, () => now));
      const written = new Map<string, number>();
      let spans = 0;
      /** Adds a span that ends now. */
      const end = (
        traceId: string,
        begunAt: number,
        ids: Pick<SpanRecord, 'spanId' | 'parentSpanId'>,
      ): void => {
        written.set(traceId, (written.get(traceId) ?? 0) + 1);
        const record = recordOf({ traceId, begunAt, durationMs: now - begunAt, attributes: {}, ...ids });
        logs[spans++ % 2]!.add(record);
      };
      const [LONG, TRACES, CHILDREN] = [id(0xfffff), 1_500, 4];
      for (let n = 1; n <= TRACES; n++) {
        const begunAt = now;
        const parentSpanId = spanId(16 * n);
        for (let child = 1; child <= CHILDREN; child++)
          end(id(n), now++, { spanId: spanId(16 * n + child), parentSpanId });
        now++;
        end(id(n), begunAt, { spanId: parentSpanId, parentSpanId: undefined });
        const ofLong = { spanId: spanId(16 * n + CHILDREN + 1), parentSpanId: spanId(0xfffff) };
        if (n % 100 === 0 && n < TRACES) end(LONG, now, ofLong);
        if (n % every === 0) await store.recent();
      }
      end(LONG, 0, { spanId: spanId(0xfffff), parentSpanId: undefined });
      const seen = await store.recent();
      const lacking = seen.filter(({ traceId, spans: { size } }) => size < written.get(traceId)!);
      expect(lacking.map(({ traceId }) => traceId)).to.include(LONG);
      const silent = lacking.filter((trace) => !store.isIncomplete(trace, trace.top));
      expect(silent.map(({ traceId }) => traceId)).to.deep.equal([]);
      const whole = seen.filter((trace) => !store.isIncomplete(trace, trace.top));
      expect(whole.length, 'of the latest ones nothing was displaced').to.be.above(seen.length / 2);
    });
  }

  it('have the latest spans of a long trace, and the number of those that are left out', async () => {
    const memory = new SpanMemory(2);
    const store = new TraceStore(memory);
    const logs = [1, 2].map((slot) => new SpanLog(memory.of(slot), slot, () => 0));
    for (let n = 1; n <= 1_200; n++)
      for (const [at, log] of logs.entries())
        log.add(recordOf({ spanId: spanId(2 * n + at), begunAt: n, attributes: {} }));
    logs[1]!.add(recordOf({ spanId: spanId(1), begunAt: 0.5, name: 'root' }));
    const trace = (await store.get(id(1)))!;
    const all = trace.spans.size + trace.leftOut;
    expect(all).to.be.above(2_000);
    expect(trace.spans.size).to.equal(2_000);
    expect([trace.top.root.name, trace.begunAt]).to.deep.equal(['root', 0.5]);
    // Other traces displace it, whatever was left out.
    for (const log of logs)
      for (let n = 2; n <= 3_000; n++) log.add(recordOf({ traceId: id(n), begunAt: n }));
    expect(await store.get(id(1))).to.equal(undefined);
    expect((await store.recent()).every(({ leftOut, spans }) => leftOut === 0 && spans.size > 0)).to.equal(
      true,
    );
  });

  it('begin with their first span that is here, also when earlier ones were displaced', () => {
    const trace = new RecentTrace(id(1));
    const spans = [3, 1, 2].map((begunAt) => recordOf({ begunAt }));
    for (const span of spans) trace.add(span);
    expect(trace.begunAt).to.equal(1);
    expect([trace.remove(spans[1]!), trace.begunAt]).to.deep.equal([false, 2]);
    trace.add(recordOf({ begunAt: 1.5 }));
    expect(trace.begunAt).to.equal(1.5);
    expect([trace.remove(spans[1]!), trace.leftOut]).to.deep.equal([false, 0]);
  });

  it('have every span that ended before they are read, also when another reading is under way', async () => {
    const memory = new SpanMemory(1);
    const log = new SpanLog(memory.of(1), 1, () => 0);
    const store = new TraceStore(memory);
    for (let n = 2; n <= 200; n++) log.add(recordOf({ traceId: id(n) }));
    const other = store.recent();
    log.add(recordOf({ traceId: id(1) }));
    const [one, again] = await Promise.all([store.get(id(1)), store.get(id(1))]);
    expect([one?.spans.size, again]).to.deep.equal([1, one]);
    await other;
  });

  it('omit what is no span, and go on', async () => {
    const memory = new SpanMemory(1);
    const ring = new SpanRingWriter(memory.of(1));
    for (const text of ['', '{"a":1}', 'x'.repeat(1_000)]) ring.push(Buffer.from(text));
    ring.push(writeSpanRecord(recordOf()));
    expect(await new TraceStore(memory).recent()).to.have.length(1);
  });
});
