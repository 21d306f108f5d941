import { expect } from 'chai';
import { traceRoutes } from '#src/admin/trace-routes.js';
import { SpanMemory } from '#src/memory/span-ring.js';
import { SpanLog } from '#src/telemetry/span-log.js';
import type { SpanRecord } from '#src/telemetry/span-record.js';
import { TraceStore } from '#src/telemetry/trace-store.js';
import { turnsOf } from '#test/telemetry/turns.js';
import { adminOf, jsonOf } from '#test/upstream/admin.js';

const id = (n: number): string => n.toString(16).padStart(32, '0');
const spanId = (n: number): string => n.toString(16).padStart(16, '0');

interface Page {
  readonly items: readonly Record<string, unknown>[];
  readonly nextCursor: string | null;
}

const SPAN = {
  ...{ parentSpanId: undefined, name: 'GET /api/users/{id}', kind: 'server' as const, durationMs: 1 },
  ...{ errorType: undefined, message: undefined, links: [] },
};

function setUp(rows = 1) {
  const memory = new SpanMemory(rows);
  let now = 0;
  const clock = (): number => now;
  const logs = Array.from({ length: rows }, (_, at) => new SpanLog(memory.of(at + 1), at + 3, clock));
  const store = new TraceStore(memory);
  const sampling = () => ({ ratio: 0.25, recording: true });
  const templateOf = (path: string) => (path === '/api/users/:id' ? '/api/users/{id}' : undefined);
  const admin = adminOf(traceRoutes({ store, templateOf, sampling }));
  const list = async (query = ''): Promise<Page> => jsonOf(await admin.ask('GET', `/traces${query}`)) as Page;
  return {
    ...admin,
    list,
    log: (at: number) => logs[at]!,
    at: (ms: number) => {
      now = ms;
    },
    add: (n: number, over: Partial<SpanRecord> = {}) =>
      logs[0]!.add({
        ...SPAN,
        traceId: id(n),
        spanId: spanId(n),
        begunAt: n * 10,
        durationMs: n,
        attributes: { 'http.route': '/api/users/{id}', 'http.response.status_code': 200 },
        ...over,
      }),
  };
}

const ids = ({ items }: Page): unknown[] => items.map(({ traceId }) => Number(`0x${String(traceId)}`));

describe('GET /traces', () => {
  it('lists the latest trace first, with what its first span was', async () => {
    const { list, add, at } = setUp();
    expect(await list()).to.deep.equal({ items: [], nextCursor: null, isRecording: true, sampled: 0.25 });
    at(1_000);
    const before = Date.now();
    add(1);
    add(2, { errorType: 'INTERNAL', attributes: { 'http.response.status_code': 500 } });
    add(2, { spanId: spanId(7), parentSpanId: spanId(2), name: 'GET orders', kind: 'client' });
    const { items } = await list();
    const [second, first] = items;
    expect(first).to.deep.include({
      traceId: id(1),
      name: 'GET /api/users/{id}',
      durationMs: 1,
      status: 'ok',
      httpStatus: 200,
      spans: 1,
      worker: 3,
      route: '/api/users/{id}',
    });
    expect(second).to.deep.include({ status: 'error', httpStatus: 500, spans: 2, route: null });
    const startedAt = Date.parse(String(second?.startedAt));
    expect(startedAt).to.be.within(before - 981, Date.now() - 979);
  });

  it('keeps the times of traces, and those of their spans against each other, while the wall clock steps', async () => {
    const { list, ask, add, at } = setUp();
    const [DAY_MS, ERROR_MS] = [86_400_000, 20_000];
    const { now } = Date;
    const started = new Map<number, number>();
    let step = 0;
    Date.now = () => now() + step;
    const timesOf = async (n: number): Promise<readonly number[]> => {
      const { spans } = jsonOf(await ask('GET', `/traces/${id(n)}`)) as {
        readonly spans: readonly { readonly startedAt: string }[];
      };
      return spans.map(({ startedAt }) => Date.parse(startedAt));
    };
    try {
      for (const [index, by] of [0, DAY_MS, -DAY_MS, 3_600_000, 0].entries()) {
        const n = index + 1;
        at(n * 1_000);
        const parentSpanId = spanId(n);
        add(n, { begunAt: n * 1_000 - 100, spanId: spanId(n + 100), parentSpanId, name: 'inner' });
        step = by;
        started.set(n, Date.now() - 500);
        add(n, { begunAt: n * 1_000 - 500 });
        for (const { traceId, startedAt } of (await list()).items) {
          const one = Number(`0x${String(traceId)}`);
          const errorMs = Math.abs(Date.parse(String(startedAt)) - started.get(one)!);
          expect(errorMs, `trace ${one} after ${n} steps`).to.be.below(ERROR_MS);
          const [outer, inner] = await timesOf(one);
          expect(inner! - outer!, `the spans of trace ${one} after ${n} steps`).to.equal(400);
        }
      }
    } finally {
      Date.now = now;
    }
  });

  it('filters by route, status, duration and a text of any span', async () => {
    const { list, add, refusalOf } = setUp();
    add(1);
    add(2, { errorType: 'INTERNAL' });
    add(3, { attributes: { 'http.route': '/other' } });
    add(4, { attributes: { 'db.query.summary': 'SELECT Orders' } });
    expect(ids(await list(`?route=${encodeURIComponent('/api/users/{id}')}`))).to.deep.equal([2, 1]);
    expect(ids(await list('?route=/api/users/:id'))).to.deep.equal([2, 1]);
    expect((await refusalOf('GET', '/traces?stat=ok')).code).to.equal('VALIDATION_FAILED');
    expect(ids(await list('?status=error'))).to.deep.equal([2]);
    expect(ids(await list('?status=ok&minMs=2'))).to.deep.equal([4, 3]);
    expect(ids(await list('?search=select%20orders'))).to.deep.equal([4]);
    expect(ids(await list(`?search=${id(3)}`))).to.deep.equal([3]);
    expect(ids(await list('?search=internal'))).to.deep.equal([2]);
    add(5, { attributes: { 'http.response.status_code': 418, 'multilane.saga.recovered': true } });
    expect(ids(await list('?search=418'))).to.deep.equal([5]);
    expect(ids(await list('?search=TRUE'))).to.deep.equal([5]);
  });

  it('continues at its cursor, also for traces that began at the same time', async () => {
    const { list, add } = setUp();
    for (let n = 1; n <= 25; n++) add(n, { begunAt: Math.floor(n / 5) + 0.125 });
    const all = ids(await list());
    expect(all).to.have.length(25);
    const seen: unknown[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null; pages++) {
      expect(pages).to.be.below(4);
      const page: Page = await list(`?limit=10${cursor && `&cursor=${cursor}`}`);
      seen.push(...ids(page));
      cursor = page.nextCursor;
    }
    expect(seen).to.deep.equal(all);
    expect((await list('?limit=25')).nextCursor, 'nothing follows').to.equal(null);
  });

  it('refuses wrong parameters', async () => {
    const { refusalOf } = setUp();
    for (const [query, code] of [
      ['limit=0', 'VALIDATION_FAILED'],
      ['limit=501', 'VALIDATION_FAILED'],
      ['limit=1.5', 'VALIDATION_FAILED'],
      ['limit=', 'VALIDATION_FAILED'],
      ['minMs=-1', 'VALIDATION_FAILED'],
      ['status=fine', 'VALIDATION_FAILED'],
      ['cursor=x', 'BAD_CURSOR'],
      [`cursor=1e3-${id(1)}`, 'BAD_CURSOR'],
    ])
      expect(await refusalOf('GET', `/traces?${query}`), query).to.have.property('code', code);
  });
});

describe('a search in traces', () => {
  const SPANS = 1_000;
  const named = (name: string, traces: number) => {
    const { add, list } = setUp();
    for (let n = 0; n < SPANS; n++)
      add(1 + (n % traces), { spanId: spanId(n + 1), name, attributes: {}, begunAt: n });
    return list;
  };

  for (const traces of [1, 4, SPANS]) {
    it(`pauses after a few spans, when there are ${traces} traces of ${SPANS / traces}`, async () => {
      const list = named('GET /', traces);
      const found = (await list('?search=get')).items.reduce((sum, { spans }) => sum + Number(spans), 0);
      expect(found).to.equal(Math.min(SPANS, (100 * SPANS) / traces));
      // All spans have been read from the rings, so only the search takes turns.
      expect(await turnsOf(() => list('?search=nowhere'))).to.be.above(SPANS / 20);
    });
  }
});

describe('GET /traces/:traceId', () => {
  it('shows the spans in the order in which they began', async () => {
    const { ask, add } = setUp();
    const links = [{ traceId: id(8), spanId: spanId(8) }];
    add(1, {
      spanId: spanId(2),
      parentSpanId: spanId(1),
      begunAt: 11,
      kind: 'client',
      links,
      attributes: {},
    });
    add(1, { errorType: 'INTERNAL', message: 'it failed' });
    const { spans, ...trace } = jsonOf(await ask('GET', `/traces/${id(1)}`)) as {
      spans: readonly Record<string, unknown>[];
    };
    expect(trace).to.deep.equal({ traceId: id(1), spansLeftOut: 0, isIncomplete: false });
    const shown = spans.map(({ startedAt, ...span }) => {
      expect(startedAt).to.match(/^\d{4}-.*Z$/);
      return span;
    });
    const common = { name: 'GET /api/users/{id}', durationMs: 1, worker: 3 };
    expect(shown).to.deep.equal([
      {
        ...common,
        spanId: spanId(1),
        parentSpanId: null,
        kind: 'server',
        status: 'error',
        statusMessage: 'it failed',
        attributes: { 'http.route': '/api/users/{id}', 'http.response.status_code': 200 },
        links: [],
      },
      {
        ...common,
        spanId: spanId(2),
        parentSpanId: spanId(1),
        kind: 'client',
        status: 'ok',
        statusMessage: null,
        attributes: {},
        links,
      },
    ]);
  });

  it('shows the latest 2,000 spans of a trace, and counts the others', async () => {
    const { ask, list, log } = setUp(16);
    for (let n = 1; n <= 2_100; n++)
      log(n % 16).add({ ...SPAN, traceId: id(1), spanId: spanId(n), begunAt: n, attributes: {} });
    const { spansLeftOut, spans } = jsonOf(await ask('GET', `/traces/${id(1)}`)) as {
      spansLeftOut: number;
      spans: readonly unknown[];
    };
    expect([spans.length, spansLeftOut]).to.deep.equal([2_000, 100]);
    expect((await list()).items[0]).to.include({ traceId: id(1), spans: 2_100 });
  });

  it('says when the parent of a span is not here, as the list does', async () => {
    const { ask, list, add } = setUp();
    add(1, { parentSpanId: spanId(7) });
    expect(jsonOf(await ask('GET', `/traces/${id(1)}`))).to.include({ isIncomplete: true });
    add(2);
    expect((await list()).items.map(({ isIncomplete }) => isIncomplete)).to.deep.equal([false, true]);
  });

  it('is 404 for a trace that is not here', async () => {
    const { refusalOf } = setUp();
    for (const one of [id(5), 'x', '__proto__'])
      expect(await refusalOf('GET', `/traces/${one}`))
        .to.include({ code: 'NOT_FOUND' })
        .and.have.property('message')
        .that.includes('sampling');
  });
});
