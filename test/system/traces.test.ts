import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { get, json, put } from '#test/support/client.js';
import type { LogLine } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { TRACED } from './fixtures/paths.js';

interface Span {
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: string;
  readonly status: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly worker: number | null;
}
interface Summary {
  readonly traceId: string;
  readonly name: string;
  readonly status: string;
  readonly httpStatus: number | null;
  readonly spans: number;
  readonly route: string | null;
}

describe('the traces of a process without a collector', () => {
  const cluster = useCluster({
    config: TRACED,
    // A request that gets no core must not be broken off.
    env: { OTEL_TRACES_SAMPLER_ARG: '1', SLOW_REQUEST_MS: '200', STALL_MS: '20000' },
  });
  const admin = async <T>(path: string): Promise<T> => json<T>(await get(`${cluster.adminUrl}${path}`));
  const spansOf = async (traceId: string): Promise<readonly Span[]> => {
    const response = await get(`${cluster.adminUrl}/traces/${traceId}`);
    return response.status === 200 ? ((await response.json()) as { spans: Span[] }).spans : [];
  };
  const allOf = (traceId: string, count: number): Promise<readonly Span[]> =>
    until(
      () => spansOf(traceId),
      (spans) => spans.length >= count,
    );
  const newTrace = () => {
    const traceId = randomBytes(16).toString('hex');
    return { traceId, headers: { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` } };
  };
  const linesOf = (traceId: string): LogLine[] => cluster.logs().filter((line) => line.trace_id === traceId);

  it('show a request with its call, the request of the call and a CPU task, in one trace', async () => {
    const { traceId, headers } = newTrace();
    const { task } = await json<{ task: string }>(await get(`${cluster.url}/work`, headers));
    const spans = await allOf(traceId, 4);
    const named = (name: string): Span | undefined => spans.find((span) => span.name === name);
    const [root, call, inner, cpu] = ['GET /work', 'GET inner', 'GET /inner/{ms}', 'cpu traceOf'].map(named);
    expect(root).to.deep.include({ parentSpanId: 'b'.repeat(16), kind: 'server', status: 'ok' });
    expect(call).to.deep.include({ parentSpanId: root?.spanId, kind: 'client' });
    expect(inner).to.deep.include({ parentSpanId: call?.spanId, kind: 'server' });
    expect(cpu).to.deep.include({ parentSpanId: root?.spanId, kind: 'internal' });
    expect(task, 'the context of the task in its thread').to.equal(`00-${traceId}-${cpu?.spanId}-01`);
    expect(root?.attributes).to.include({
      ...{ 'http.route': '/work', 'http.response.status_code': 200 },
      'client.address': '127.0.0.1',
    });

    const list = await admin<{ items: Summary[]; isRecording: boolean; sampled: number }>(
      '/traces?route=/work&limit=1',
    );
    expect(list).to.include({ isRecording: true, sampled: 1 });
    expect(list.items[0]).to.include({ traceId, name: 'GET /work', httpStatus: 200, spans: 4 });
  });

  it('have the id that the problem, the log lines and the headers of a failed request have', async () => {
    await put(`${cluster.adminUrl}/switches/request-log`, { ratio: 1 });
    const response = await get(`${cluster.url}/fail?token=hush`);
    const { traceId, code } = (await response.json()) as { traceId: string; code: string };
    expect([response.status, code]).to.deep.equal([500, 'INTERNAL']);
    const spans = await allOf(traceId, 1);
    expect(spans[0]).to.deep.include({ name: 'GET /fail', status: 'error' });
    const lines = await until(
      () => linesOf(traceId),
      (found) => found.length === 2,
    );
    const [failure, request] = lines;
    expect(failure).to.include({ msg: 'a handler failed', level: 50, span_id: spans[0]?.spanId });
    expect(request).to.include({
      msg: 'request',
      level: 30,
      service: 'traced',
      method: 'GET',
      route: '/fail',
      path: '/fail',
      status: 500,
      error: 'INTERNAL',
      requestId: response.headers.get('x-request-id'),
      span_id: spans[0]?.spanId,
    });
    expect(cluster.stdout.join('\n')).to.not.include('hush');
    const { items } = await admin<{ items: Summary[] }>('/traces?status=error&search=internal');
    expect(items.map((item) => item.traceId)).to.include(traceId);

    await put(`${cluster.adminUrl}/switches/request-log`, { ratio: 'auto' });
    const quiet = newTrace();
    await (await get(`${cluster.url}/plain/7`, quiet.headers)).arrayBuffer();
    await allOf(quiet.traceId, 1);
    expect(linesOf(quiet.traceId)).to.deep.equal([]);
  });

  it('log a slow request with its phases, although the request log is off', async () => {
    const { traceId, headers } = newTrace();
    await json(await get(`${cluster.url}/slow/300?token=hush`, headers));
    // The called request is slow as well.
    const lines = await until(
      () => linesOf(traceId),
      (found) => found.length === 2,
    );
    const [inner, outer] = lines as (LogLine & { readonly phases: Readonly<Record<string, number>> })[];
    expect(inner).to.include({ msg: 'slow request', route: '/inner/{ms}', level: 40 });
    expect(inner?.phases.handlerMs).to.be.at.least(250);
    expect(outer).to.include({ msg: 'slow request', route: '/slow/{ms}', path: '/slow/300', status: 200 });
    expect(outer?.phases.callsMs).to.be.at.least(250);
    const sum = Object.values(outer!.phases).reduce((total, ms) => total + ms, 0);
    expect(sum).to.be.closeTo(outer!.durationMs as number, 5);
  });

  it('contain one for each message of a WebSocket, linked to the request that opened it', async () => {
    const { traceId, headers } = newTrace();
    const client = await WebSocketClient.connect(`${cluster.url}/room/a`, { headers });
    for (let n = 0; n < 2; n++) {
      client.send('hello');
      expect(await client.next()).to.equal('done');
    }
    client.destroy();
    const { items } = await until(
      () => admin<{ items: Summary[] }>('/traces?search=MESSAGE'),
      ({ items: found }) => found.length >= 2 && found.every(({ spans }) => spans === 3),
    );
    const [opened] = await allOf(traceId, 1);
    expect(opened).to.deep.include({ name: 'GET /room/{room}' });
    expect(new Set(items.map((item) => item.traceId)).size).to.equal(2);
    for (const item of items) {
      const [message, call] = await spansOf(item.traceId);
      expect(message).to.deep.include({ name: 'MESSAGE /room/{room}', kind: 'server', parentSpanId: null });
      expect(message?.links).to.deep.equal([{ traceId, spanId: opened?.spanId }]);
      expect(message?.attributes).to.include({
        'network.protocol.name': 'websocket',
        'multilane.websocket.message.bytes': 5,
        'multilane.websocket.message.type': 'text',
      });
      expect(call).to.deep.include({ name: 'GET inner', parentSpanId: message?.spanId });
    }
  });

  it('stay when their worker is lost, and those of its successor follow', async () => {
    const { traceId, headers } = newTrace();
    await (await get(`${cluster.url}/crash`, headers)).arrayBuffer();
    await until(
      () => cluster.logs().filter(({ msg }) => /^recent requests of worker/.test(String(msg))),
      (found) => found.length > 0,
    );
    expect((await allOf(traceId, 1))[0]).to.deep.include({ name: 'GET /crash' });
    const later = newTrace();
    await (await get(`${cluster.url}/plain/1`, later.headers)).arrayBuffer();
    await allOf(later.traceId, 1);
  });

  it('begin with the share that an operator sets, for the next request', async () => {
    await put(`${cluster.adminUrl}/switches/sampling`, { ratio: 0 });
    const { items: before } = await admin<{ items: Summary[] }>('/traces?route=/plain/{id}&limit=500');
    for (let n = 0; n < 10; n++) await (await get(`${cluster.url}/plain/${n}`)).arrayBuffer();
    const list = await admin<{ items: Summary[]; sampled: number }>('/traces?route=/plain/{id}&limit=500');
    expect([list.items.length, list.sampled]).to.deep.equal([before.length, 0]);
    await put(`${cluster.adminUrl}/switches/sampling`, { ratio: 'auto' });
  });
});
