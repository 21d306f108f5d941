import { expect } from 'chai';
import { pino } from 'pino';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { SpanMemory, SpanRingReader } from '#src/memory/span-ring.js';
import { formatTraceparent } from '#src/telemetry/propagation.js';
import type { Tracing } from '#src/telemetry/span.js';
import { SpanLog } from '#src/telemetry/span-log.js';
import { readSpanRecord, type SpanRecord } from '#src/telemetry/span-record.js';
import { clientSpan, endServerSpan, NO_PARENT, serverSpan, socketMessageSpan } from '#src/telemetry/spans.js';
import { samplingWord } from '#src/telemetry/trace-ids.js';
import { initTracing } from '#src/telemetry/tracing.js';
import { type Collector, startCollector } from './collector.js';
import { SECRET_TEXTS, SECRETS } from './secret-forms.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const request = (over: { traceparent?: string; trusted?: boolean } = {}) => ({
  method: 'GET',
  template: '/api/users/{id}',
  shownPath: '/api/users/7',
  scheme: 'http' as const,
  traceparent: undefined,
  tracestate: undefined,
  trusted: false,
  ...over,
});

function setUp(over: { endpoint?: string; samplerArg?: number; disabled?: boolean } = {}) {
  const memory = new SpanMemory(1);
  let now = 1_000;
  const recorder = new SeriesTable(new SeriesMemory().of(1));
  const otel = {
    disabled: false,
    serviceName: 'shop',
    endpoint: undefined,
    headers: {},
    sampler: 'parentbased_traceidratio',
    samplerArg: 1,
    resourceAttributes: {},
    ...over,
  };
  const tracing: Tracing = initTracing(
    { otel },
    { worker: 2, instanceId: 'i-1' },
    { log: pino({ level: 'silent' }), recorder, spanLog: new SpanLog(memory.of(1), 2, () => now) },
  );
  const reader = new SpanRingReader(memory.of(1));
  return {
    tracing,
    advance: (ms: number) => {
      now += ms;
    },
    spans: (): SpanRecord[] => reader.take().map(({ text }) => readSpanRecord(text)!),
  };
}

describe('the spans that a process keeps without a collector', () => {
  it('have no secrets in their hosts, and no percent-encoded ones in their paths', () => {
    const { tracing, spans } = setUp();
    const path = '/x/https%3A%2F%2Fu%3Ahunter2xyz%40h/a%20b';
    endServerSpan(serverSpan(tracing, { ...request(), shownPath: path }), 200);
    endServerSpan(serverSpan(tracing, { ...request(), host: 'u:hunter2xyz@a:80' }), 200);
    clientSpan(tracing, undefined, { method: 'GET', service: 'b', path, host: '127.0.0.1', port: 1 }).end();
    const all = spans();
    expect(all).to.have.length(3);
    expect(JSON.stringify(all)).to.not.include('hunter2');
    expect(all[0]!.attributes['url.path']).to.equal('/x/[redacted]/a%20b');
  });

  it('end without an error, whatever code of a service passes as type and as attribute', () => {
    const { tracing, spans } = setUp();
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    for (const odd of [5n, Symbol('s'), circular, 'token=hunter2', null]) {
      const span = tracing.keep(NO_PARENT, { name: 'odd', attributes: { given: odd as never } });
      span.setAttribute('set', odd as never);
      span.end(odd as never);
    }
    expect(spans().map(({ errorType }) => errorType)).to.deep.equal(Array(5).fill('unknown'));
  });

  it('have the ids, times, attributes and links of their spans', () => {
    const { tracing, advance, spans } = setUp();
    const traceparent = `00-${TRACE}-${SPAN}-01`;
    const server = serverSpan(tracing, request({ traceparent, trusted: true }));
    expect(server.context).to.deep.include({ traceId: TRACE, sampled: true });
    advance(2.5);
    const call = clientSpan(tracing, server.context, { method: 'GET', service: 'orders', path: '/' });
    advance(4);
    call.end('NO_INSTANCE', 'none is there');
    endServerSpan(server, 503, 'NO_INSTANCE');
    server.end('TWICE');
    const [inner, outer] = spans();
    const { spanId } = server.context;
    expect(inner).to.deep.include({
      traceId: TRACE,
      parentSpanId: spanId,
      name: 'GET orders',
      kind: 'client',
      begunAt: 1_002.5,
      durationMs: 4,
      errorType: 'NO_INSTANCE',
      message: 'none is there',
      worker: 2,
    });
    expect(outer).to.deep.include({
      spanId,
      parentSpanId: SPAN,
      kind: 'server',
      begunAt: 1_000,
      durationMs: 6.5,
    });
    expect(outer?.attributes).to.include({
      'http.request.method': 'GET',
      'http.route': '/api/users/{id}',
      'http.response.status_code': 503,
      'error.type': 'NO_INSTANCE',
    });
    expect(spans(), 'a span ends once').to.deep.equal([]);
    expect(formatTraceparent(call.context)).to.equal(`00-${TRACE}-${inner?.spanId}-01`);
  });

  it('have no method of a client that is not known in their names', () => {
    const { tracing, spans } = setUp();
    const sent = `FREE-${'x'.repeat(194)}`;
    serverSpan(tracing, { ...request(), method: sent, template: undefined }).end();
    serverSpan(tracing, { ...request(), method: 'toString' }).end();
    serverSpan(tracing, { ...request(), method: 'PATCH', template: undefined }).end();
    const seen = spans().map(({ name, attributes }) => [
      name,
      attributes['http.request.method'],
      attributes['http.request.method_original'],
    ]);
    expect(seen).to.deep.equal([
      ['HTTP', '_OTHER', sent.slice(0, 32)],
      ['HTTP /api/users/{id}', '_OTHER', 'toString'],
      ['PATCH', 'PATCH', undefined],
    ]);
  });

  it('are those of the sampled traces, and a trace that begins here has an id that says so', () => {
    const { tracing, spans } = setUp({ samplerArg: 0.25 });
    const ids: string[] = [];
    for (let n = 0; n < 400; n++) {
      const span = serverSpan(tracing, request());
      if (!span.recording) expect(samplingWord(span.context.traceId)).to.be.at.least(0.24 * 2 ** 32);
      span.end();
    }
    for (const { traceId } of spans()) {
      ids.push(traceId);
      expect(samplingWord(traceId)).to.be.below(0.25 * 2 ** 32);
    }
    expect(ids.length).to.be.within(50, 160);
  });

  it('follow the decision of a trusted sender', () => {
    const { tracing } = setUp({ samplerArg: 0 });
    const sampled = { traceparent: `00-${TRACE}-${SPAN}-01`, trusted: true };
    expect(serverSpan(tracing, request(sampled)).recording).to.equal(true);
    expect(serverSpan(tracing, request({ ...sampled, trusted: false })).recording).to.equal(false);
    const all = setUp({ samplerArg: 1 }).tracing;
    const unsampled = { traceparent: `00-${TRACE}-${SPAN}-00`, trusted: true };
    expect(serverSpan(all, request(unsampled)).recording).to.equal(false);
    expect(serverSpan(all, request({ ...unsampled, trusted: false })).recording).to.equal(true);
  });

  it('do not look up whether a sender is trusted that does not sample', () => {
    const { tracing } = setUp({ samplerArg: 0 });
    const untold = {
      ...request({ traceparent: `00-${TRACE}-${SPAN}-00` }),
      get trusted(): boolean {
        return expect.fail('looked up');
      },
    };
    expect(tracing.samples(untold)).to.equal(false);
    expect(tracing.unsampled(untold).context.traceId).to.equal(TRACE);
  });

  it('have no secrets', () => {
    const { tracing, spans } = setUp();
    for (const text of Object.values(SECRET_TEXTS)) {
      const span = tracing.begin(`cpu ${text}`, 'internal', undefined, { 'user.password': 'a', text });
      span.setAttribute('later', text);
      span.end('INTERNAL', text);
    }
    const seen = spans();
    expect(seen.length).to.be.greaterThan(20);
    const written = JSON.stringify(seen);
    for (const secret of SECRETS) expect(written).to.not.contain(secret);
    expect(seen[0]?.attributes).to.include({ 'user.password': '[redacted]' });
  });

  it('contain one of a WebSocket message, which links to the request that opened the socket', () => {
    const { tracing, spans } = setUp();
    expect(tracing.samples(NO_PARENT)).to.equal(true);
    const openedBy = { traceId: TRACE, spanId: SPAN };
    const message = { template: '/chat/{room}', service: 'chat', bytes: 5, isBinary: true, requestId: 'r' };
    socketMessageSpan(tracing, { ...message, openedBy }).end();
    const [span] = spans();
    expect(span).to.deep.include({
      name: 'MESSAGE /chat/{room}',
      parentSpanId: undefined,
      links: [openedBy],
    });
    expect(span?.traceId).to.not.equal(TRACE);
  });

  it('are none when tracing is disabled', () => {
    const { tracing, spans } = setUp({ disabled: true });
    expect(tracing.enabled).to.equal(false);
    serverSpan(tracing, request()).end();
    expect(spans()).to.deep.equal([]);
  });
});

describe('the spans that a process keeps beside a collector', () => {
  let collector: Collector;
  before(async () => {
    collector = await startCollector();
  });
  after(() => collector.close());

  it('are the same as those of the collector', async () => {
    const { tracing, spans } = setUp({ endpoint: collector.endpoint });
    const server = serverSpan(tracing, request({ traceparent: `00-${TRACE}-${SPAN}-01`, trusted: true }));
    const links = [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }];
    tracing.begin('inner', 'internal', server.context, { n: 1 }, links).end('INTERNAL', 'it failed');
    endServerSpan(server, 200);
    const kept = spans();
    await tracing.shutdown();
    expect(kept).to.have.length(2);
    for (const { traceId, spanId, parentSpanId, name, attributes, links: linked, message } of kept) {
      const sent = collector.spans.find((one) => one.spanId === spanId);
      expect(sent).to.include({ traceId, parentSpanId, name });
      expect(sent?.attributes).to.deep.equal(attributes);
      expect(sent?.links).to.deep.equal(linked);
      expect(sent?.statusMessage || undefined).to.equal(message);
    }
    expect(kept.map(({ kind, errorType }) => [kind, errorType])).to.deep.equal([
      ['internal', 'INTERNAL'],
      ['server', undefined],
    ]);
  });
});
