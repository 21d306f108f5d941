import * as api from '@opentelemetry/api';
import { expect } from 'chai';
import { pino } from 'pino';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { currentScope, runInScope } from '#src/scope.js';
import { reportExportTrouble } from '#src/telemetry/export-trouble.js';
import { formatTraceparent, parseTraceparent } from '#src/telemetry/propagation.js';
import type { Tracing } from '#src/telemetry/span.js';
import {
  clientSpan,
  cpuSpan,
  dbSpan,
  endClientSpan,
  endServerSpan,
  sagaStepSpan,
  serverSpan,
  summarize,
} from '#src/telemetry/spans.js';
import { samplingWord } from '#src/telemetry/trace-ids.js';
import { initTracing } from '#src/telemetry/tracing.js';
import { type Collector, startCollector } from './collector.js';
import { SECRET, SECRET_TEXTS, SECRETS } from './secret-forms.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const lines: { msg: string; detail?: string; suppressed?: number; during?: string }[] = [];
const recorder = new SeriesTable(new SeriesMemory().of(1));
const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line)) });

function tracing(
  endpoint: string | undefined,
  over: { sampler?: string; samplerArg?: number } = {},
): Tracing {
  const otel = {
    disabled: false,
    serviceName: 'shop',
    endpoint,
    headers: { 'x-tenant': 'acme' },
    sampler: 'always_on',
    samplerArg: 1,
    resourceAttributes: { 'deployment.environment.name': 'test', 'service.name': 'loses' },
    ...over,
  };
  return initTracing({ otel }, { worker: 2, instanceId: 'i-1' }, { log, recorder });
}

const request = (over: { traceparent?: string; tracestate?: string; trusted?: boolean } = {}) => ({
  method: 'GET',
  template: '/api/users/{id}',
  shownPath: '/api/users/7',
  scheme: 'http' as const,
  traceparent: undefined,
  tracestate: undefined,
  trusted: false,
  ...over,
});

describe('tracing', () => {
  let collector: Collector;
  let open: Tracing[];

  beforeEach(async () => {
    collector = await startCollector();
    open = [];
  });

  afterEach(async () => {
    for (const one of open) await one.shutdown();
    await collector.close();
  });

  function start(over?: { sampler?: string; samplerArg?: number }): Tracing {
    const one = tracing(collector.endpoint, over);
    open.push(one);
    return one;
  }

  it('exports no secret in an attribute, name or message', async () => {
    const one = start();
    const texts = Object.values(SECRET_TEXTS);
    // A span has at most 128 attributes.
    const perSpan = 50;
    for (let first = 0; first < texts.length; first += perSpan) {
      const some = texts.slice(first, first + perSpan);
      const attributes = Object.fromEntries(some.map((text, at) => [`text.${at}`, text]));
      const span = one.begin(`cpu ${some[0]}`, 'internal', undefined, {
        ...attributes,
        'user.password': 'a',
        n: 0,
      });
      for (const [at, text] of some.entries()) span.setAttribute(`later.${at}`, text);
      span.setAttribute('api_key', 'a');
      span.end('INTERNAL', some[0]);
    }
    await one.flush();
    const sent = JSON.stringify(collector.spans);
    for (const secret of SECRETS) expect(sent).to.not.contain(secret);
    for (const { attributes } of collector.spans) {
      expect(attributes).to.include({ 'user.password': '[redacted]', api_key: '[redacted]', n: 0 });
    }
    const counts = collector.spans.map(({ attributes }) => Object.keys(attributes).length - 4);
    expect(counts.reduce((sum, count) => sum + count)).to.equal(2 * texts.length);
  });

  it('exports one trace with connected spans: request, call, its request, query, step, task', async () => {
    const one = start();
    const server = serverSpan(one, request());
    const client = clientSpan(one, server.context, {
      method: 'GET',
      service: 'orders',
      path: '/api/users/7/orders',
      host: '10.0.0.7',
      port: 8080,
      attempt: 1,
    });
    const remote = serverSpan(
      one,
      request({ traceparent: formatTraceparent(client.context), trusted: true }),
    );
    const db = dbSpan(one, remote.context, 'orders', 'select id from orders where user_id = $1');
    const step = sagaStepSpan(one, server.context, {
      saga: 'checkout',
      step: 'capture-payment',
      sagaId: 's1',
      attempt: 2,
    });
    const cpu = cpuSpan(one, server.context, 'invoice');
    db.end();
    endServerSpan(remote, 200);
    endClientSpan(client, 200);
    step.end('PAYMENT_DECLINED', 'declined');
    cpu.end();
    endServerSpan(server, 500, 'INTERNAL');
    await one.flush();

    const named = (name: string) => collector.spans.filter((span) => span.name === name);
    const [inner, outer] = named('GET /api/users/{id}');
    const [call] = named('GET orders');
    const [query] = named('SELECT orders');
    const [saga] = named('checkout/capture-payment');
    const [task] = named('cpu invoice');
    expect(new Set(collector.spans.map((span) => span.traceId)).size).to.equal(1);
    expect(outer?.parentSpanId).to.equal(undefined);
    expect(call?.parentSpanId).to.equal(outer?.spanId);
    expect(inner?.parentSpanId).to.equal(call?.spanId);
    expect(query?.parentSpanId).to.equal(inner?.spanId);
    expect(saga?.parentSpanId).to.equal(outer?.spanId);
    expect(task?.parentSpanId).to.equal(outer?.spanId);

    expect(outer?.kind).to.equal(2);
    expect(outer?.attributes).to.include({
      'http.request.method': 'GET',
      'http.route': '/api/users/{id}',
      'url.path': '/api/users/7',
      'url.scheme': 'http',
      'http.response.status_code': 500,
      'error.type': 'INTERNAL',
    });
    expect(outer?.statusCode).to.equal(2);
    expect(call?.kind).to.equal(3);
    expect(call?.attributes).to.include({
      'server.address': '10.0.0.7',
      'server.port': 8080,
      'http.request.resend_count': 1,
    });
    expect(query?.attributes).to.deep.equal({
      'db.system.name': 'postgresql',
      'db.namespace': 'orders',
      'db.operation.name': 'SELECT',
      'db.query.summary': 'SELECT orders',
    });
    expect(saga?.attributes).to.include({ 'error.type': 'PAYMENT_DECLINED', 'multilane.saga.attempt': 2 });
  });

  it('exports host and port of the request separately', async () => {
    const one = start();
    for (const host of [
      'shop.test:8080',
      '[::1]:80',
      '[::1]',
      'shop.test',
      'a:65536',
      `a:${'9'.repeat(20)}`,
    ]) {
      endServerSpan(serverSpan(one, { ...request(), host }), 200);
    }
    await one.flush();
    expect(
      collector.spans.map(({ attributes }) => [attributes['server.address'], attributes['server.port']]),
    ).to.deep.equal([
      ['shop.test', 8080],
      ['::1', 80],
      ['::1', undefined],
      ['shop.test', undefined],
      ['a', undefined],
      ['a', undefined],
    ]);
  });

  it('exports numbers that OTLP has no form for as texts', async () => {
    const one = start();
    const span = one.begin('a', 'internal', undefined, { huge: 1e300, safe: 2 ** 53 - 1, half: 0.5 });
    span.setAttribute('beyond', 2 ** 53);
    span.setAttribute('none', Number.NaN);
    span.end();
    await one.flush();
    expect(collector.spans[0]?.attributes).to.deep.equal({
      ...{ huge: '1e+300', safe: 2 ** 53 - 1, half: 0.5, beyond: '9007199254740992', none: 'NaN' },
    });
  });

  it('posts to /v1/traces with the headers and the resource of the settings', async () => {
    const one = start();
    endServerSpan(serverSpan(one, request()), 200);
    await one.flush();
    expect(collector.requests[0]?.path).to.equal('/v1/traces');
    expect(collector.requests[0]?.headers['x-tenant']).to.equal('acme');
    expect(collector.spans[0]?.resource).to.include({
      'service.name': 'shop',
      'service.instance.id': 'i-1',
      'deployment.environment.name': 'test',
      'multilane.worker': 2,
      'telemetry.sdk.language': 'nodejs',
    });
  });

  it('marks only the client span as failed for a 4xx', async () => {
    const one = start();
    const server = serverSpan(one, request());
    const client = clientSpan(one, server.context, { method: 'GET', service: 'users', path: '/' });
    endClientSpan(client, 404);
    endServerSpan(server, 404);
    await one.flush();
    const [call, outer] = collector.spans;
    expect(outer?.statusCode).to.equal(0);
    expect(outer?.attributes).to.not.have.property('error.type');
    expect(call?.attributes['error.type']).to.equal('404');
  });

  it('continues an incoming trace, with its tracestate', async () => {
    const one = start();
    const span = serverSpan(
      one,
      request({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'v=1', trusted: true }),
    );
    expect(span.context).to.include({ traceId: TRACE, sampled: true, tracestate: 'v=1' });
    endServerSpan(span, 200);
    await one.flush();
    expect(collector.spans[0]).to.include({ traceId: TRACE, parentSpanId: SPAN, traceState: 'v=1' });
  });

  it('exports no secret of a tracestate, with no span of the trace, and sends it on as it is', async () => {
    const one = start();
    const lists = [
      ...SECRETS.filter((secret) => /^(?:ghp|sk)_/.test(secret)).map((secret) => `v=1,a=${secret},z=3`),
      ...['token', 'password', 'x-api-key', 'session'].map((name) => `v=1,${name}=${SECRET},z=3`),
      `v=1,a=token:${SECRET};b:2,z=3`,
      `v=1,a=http://user:${SECRET}@host/,z=3`,
    ];
    for (const tracestate of lists) {
      const span = serverSpan(
        one,
        request({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate, trusted: true }),
      );
      const child = dbSpan(one, span.context, 'users', 'select 1');
      for (const { context } of [span, child]) expect(context.tracestate).to.equal(tracestate);
      child.end();
      endServerSpan(span, 200);
    }
    await one.flush();
    expect(collector.spans).to.have.length(2 * lists.length);
    for (const { traceState } of collector.spans) {
      expect(traceState).to.match(/^v=1,.*\[redacted\].*,z=3$/);
      for (const secret of SECRETS) expect(traceState).to.not.include(secret);
    }
  });

  it('creates no span for an unsampled request or its children', async () => {
    const one = start({ sampler: 'always_off' });
    const span = serverSpan(one, request());
    expect(span.recording).to.equal(false);
    const child = dbSpan(one, span.context, 'users', 'select 1');
    expect(child.context).to.equal(span.context);
    child.end();
    endServerSpan(span, 200);
    await one.flush();
    expect(collector.requests).to.have.length(0);
  });

  it('creates the ids of an unsampled request when they are first read', () => {
    const { context } = serverSpan(start({ sampler: 'always_off' }), request());
    const { traceId, spanId } = context;
    expect(traceId).to.match(/^[0-9a-f]{32}$/);
    expect([context.traceId, context.spanId]).to.deep.equal([traceId, spanId]);
    expect(parseTraceparent(formatTraceparent(context))?.sampled).to.equal(false);
  });

  it('continues the trace id of an unsampled request with a new span id', () => {
    const { context } = serverSpan(
      start({ sampler: 'parentbased_always_on' }),
      request({ traceparent: `00-${TRACE}-${SPAN}-00`, tracestate: 'v=1', trusted: true }),
    );
    expect(context).to.include({ traceId: TRACE, sampled: false, tracestate: 'v=1' });
    expect(context.spanId).to.not.equal(SPAN);
  });

  it('follows the sampled flag of a trusted sender only', () => {
    const one = start({ sampler: 'parentbased_always_off' });
    const traceparent = `00-${TRACE}-${SPAN}-01`;
    expect(serverSpan(one, request({ traceparent, trusted: true })).recording).to.equal(true);
    const stranger = serverSpan(one, request({ traceparent, trusted: false }));
    expect(stranger.recording).to.equal(false);
    expect(stranger.context.traceId).to.equal(TRACE);
  });

  it('does not let untrusted senders choose a trace id that is always kept', () => {
    const one = start({ sampler: 'parentbased_traceidratio', samplerArg: 0.001 });
    // The sampling word of this id is 0, which is below every bound.
    const traceparent = `00-${'11111111'.repeat(4)}-${SPAN}-01`;
    const kept = Array.from({ length: 200 }, () => serverSpan(one, request({ traceparent })).recording);
    expect(kept.filter(Boolean).length).to.be.below(20);
    const ratioOnly = start({ sampler: 'traceidratio', samplerArg: 0.001 });
    expect(serverSpan(ratioOnly, request({ traceparent, trusted: true })).recording).to.equal(true);
  });

  it('decides by the trace id of a trusted sender, as every other process on the way does', () => {
    const one = start({ sampler: 'traceidratio', samplerArg: 0.5 });
    const decisions = (word: string, trusted: boolean): Set<boolean> => {
      const traceparent = `00-${'1'.repeat(24)}${word}-${SPAN}-01`;
      return new Set(
        Array.from({ length: 100 }, () => serverSpan(one, request({ traceparent, trusted })).recording),
      );
    };
    const words = ['00000000', '40000000', 'c0000000', 'ffffffff'];
    const expected = words.map((word) => samplingWord(`${'1'.repeat(24)}${word}`) < 2 ** 31);
    expect(new Set(expected).size, 'kept and not kept').to.equal(2);
    expect(words.map((word) => [...decisions(word, true)])).to.deep.equal(expected.map((kept) => [kept]));
    for (const word of words) expect(decisions(word, false).size, 'a stranger decides nothing').to.equal(2);
  });

  it('has the address of the client in the span of a request and of a gRPC call', async () => {
    const one = start();
    for (const isRpc of [false, true])
      endServerSpan(serverSpan(one, { ...request(), isRpc, clientAddress: '192.0.2.7' }), 200);
    await one.flush();
    expect(collector.spans.map(({ attributes }) => attributes['client.address'])).to.deep.equal(
      Array(2).fill('192.0.2.7'),
    );
  });

  it('links the first step of a recovered saga to the start of the saga', async () => {
    const one = start();
    const begun = serverSpan(one, request());
    const step = { saga: 'a', step: 'b', sagaId: 's', attempt: 2, isRecovered: true };
    sagaStepSpan(one, begun.context, step).end();
    await one.flush();
    const { traceId, spanId } = begun.context;
    expect(collector.spans[0]).to.include({ traceId, parentSpanId: spanId });
    expect(collector.spans[0]?.attributes).to.include({ 'multilane.saga.recovered': true });
    expect(collector.spans[0]?.links).to.deep.equal([{ traceId, spanId }]);
  });

  it('starts a new trace for background work', async () => {
    const one = start();
    const step = sagaStepSpan(one, undefined, { saga: 'a', step: 'b', sagaId: 's', attempt: 1, undo: true });
    step.end();
    await one.flush();
    expect(collector.spans[0]).to.include({ name: 'a/b/undo', parentSpanId: undefined });
    expect(collector.spans[0]?.traceId).to.equal(step.context.traceId);
  });

  it('records nothing without an endpoint, and passes on a trusted context unchanged', () => {
    const one = tracing(undefined);
    const span = serverSpan(one, request({ traceparent: `00-${TRACE}-${SPAN}-01`, trusted: true }));
    expect(one.enabled).to.equal(false);
    expect(span.recording).to.equal(false);
    expect(formatTraceparent(span.context)).to.equal(`00-${TRACE}-${SPAN}-01`);
    expect(clientSpan(one, span.context, { method: 'GET', service: 'a', path: '/' }).context).to.equal(
      span.context,
    );
    expect(dbSpan(one, undefined, 'users', 'select 1').context.traceId).to.match(/^[0-9a-f]{32}$/);
  });

  it('ends a span once, and ignores later calls', async () => {
    const one = start();
    const span = cpuSpan(one, undefined, 'fib');
    span.end();
    span.setAttribute('late', true);
    span.end('LATE');
    await one.flush();
    expect(collector.spans).to.have.length(1);
    expect(collector.spans[0]?.attributes).to.not.have.any.keys('late', 'error.type');
  });

  it('logs refusals of the collector, and never rejects', async () => {
    const refusing = await startCollector(400);
    lines.length = 0;
    const one = tracing(refusing.endpoint);
    serverSpan(one, request()).end();
    await one.flush();
    await one.shutdown();
    await one.shutdown();
    await refusing.close();
    expect(refusing.requests).to.have.length(1);
    const failure = lines.find(({ during }) => during === 'flush');
    expect(failure?.msg)
      .to.include(`export of traces to ${refusing.endpoint}`)
      .and.include('OTEL_EXPORTER_OTLP');
  });

  it('reports export trouble once a minute, with the number of suppressed reports', () => {
    lines.length = 0;
    let now = 0;
    reportExportTrouble(api, log, 'https://user:hush@collector/v1/traces?key=hush', () => now);
    api.diag.error('no collector');
    api.diag.warn('no collector');
    api.diag.error('no collector');
    api.diag.info('chatter');
    now = 60_000;
    api.diag.warn('Received Partial Success response:', '{"rejectedSpans":3}');
    expect(lines.map(({ detail, suppressed }) => [detail, suppressed])).to.deep.equal([
      ['no collector', 0],
      ['Received Partial Success response: {"rejectedSpans":3}', 2],
    ]);
    for (const { msg } of lines)
      expect(msg)
        .to.include('to https://collector/v1/traces failed')
        .and.include('check')
        .and.not.include('hush');
  });

  it('reports export trouble without the trace of the request that began the batch', () => {
    const scopes: unknown[] = [];
    const warn = (): void => void scopes.push(currentScope());
    reportExportTrouble(api, { warn } as never, 'http://collector/v1/traces');
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true, tracestate: undefined };
    runInScope({ trace } as never, () => {
      api.diag.error('no collector');
      scopes.push(currentScope()?.trace);
    });
    expect(scopes).to.deep.equal([undefined, trace]);
  });

  it('replaces an unknown sampler with a warning', () => {
    lines.length = 0;
    open.push(tracing(collector.endpoint, { sampler: 'xray' }));
    expect(lines.map(({ msg }) => msg)).to.deep.equal([
      'unknown OTEL_TRACES_SAMPLER, using parentbased_traceidratio',
    ]);
  });
});

describe('spans', () => {
  it('summarize a statement by its first word and first table', () => {
    for (const [statement, summary] of [
      ['select * from users where id = $1', 'SELECT users'],
      ['INSERT INTO "orders" (id) values ($1)', 'INSERT orders'],
      ['update only payments set status = $1', 'UPDATE payments'],
      ['  (select 1)', 'SELECT'],
      ['with x as (insert into saga_step values ($1)) select 1', 'WITH saga_step'],
      ['', 'QUERY'],
    ] as const) {
      expect(summarize(statement).summary, statement).to.equal(summary);
    }
  });
});
