// Metrics and logs on their way to a collector with a real socket.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Logger } from 'pino';
import { Countdown } from '#src/countdown.js';
import { Block } from '#src/memory/block.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { startExport } from '#src/primary/otlp-export.js';
import { Lifecycle } from '#src/process/lifecycle.js';
import { exportedSink } from '#src/telemetry/exported-log-sink.js';
import { createLogger } from '#src/telemetry/log.js';
import { ExportedLogs, REQUEST_BYTES } from '#src/telemetry/logs-export.js';
import { currentValue, type MetricSource, sharedMemorySource } from '#src/telemetry/metric-families.js';
import { SERIES_PER_REQUEST } from '#src/telemetry/metrics-export.js';
import { SERIES_PER_PART } from '#src/telemetry/otlp-metrics.js';
import { loadOtlpSdk, type OtlpSdk } from '#src/telemetry/otlp-sdk.js';
import { droppedItems } from '#src/telemetry/otlp-sender.js';
import { initTracing } from '#src/telemetry/tracing.js';
import { OtlpCollector } from '#test/support/otlp-collector.js';
import { silentLog } from '#test/support/silent-log.js';

const DURATION = 'http_server_request_duration_seconds';
const PROTOCOLS = ['http/json', 'http/protobuf'] as const;

/** Runs the test with this OTEL_EXPORTER_OTLP_TIMEOUT. */
async function withTimeout(ms: number, test: () => Promise<void>): Promise<void> {
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = String(ms);
  try {
    await test();
  } finally {
    delete process.env.OTEL_EXPORTER_OTLP_TIMEOUT;
  }
}

/** @param lifecycle of a process that has started nothing else, or parts that are stopped after the export */
function exporting(
  endpoint: string,
  protocol: (typeof PROTOCOLS)[number] = 'http/json',
  log = silentLog,
  lifecycle = new Lifecycle(),
) {
  const memory = new SeriesMemory();
  const recorder = new SeriesTable(memory.of(0));
  const logs = new ExportedLogs();
  const target = { headers: { 'x-key': 'secret' }, protocol };
  const otel = {
    serviceName: 'shop',
    resourceAttributes: { team: 'a' },
    metrics: { ...target, endpoint: `${endpoint}/v1/metrics`, intervalMs: 60_000 },
    logs: { ...target, endpoint: `${endpoint}/v1/logs` },
  };
  const ticks: (() => void)[] = [];
  const every = (_ms: number, tick: () => void) => {
    ticks.push(tick);
    return () => undefined;
  };
  const otlp = startExport({ every, lifecycle }, {
    ...{ settings: { otel }, instanceId: 'one', sharedState: { recorder }, output: { exported: logs }, log },
  } as never);
  /**
   * Ends the export.
   * @param leftMs time of the process for it and what is stopped after it; default: it is not limited
   */
  const close = async (leftMs?: number): Promise<boolean> => {
    if (leftMs !== undefined) return lifecycle.stop(undefined, new Countdown(leftMs));
    await otlp.close({ ends: async (last) => last.then(() => true) });
    return true;
  };
  const source = sharedMemorySource(Block.create({ workers: 1 }), memory);
  const dropped = (signal: string) =>
    Object.fromEntries(
      readTotals(memory)
        .series.filter(
          ({ metric, labels, value }) =>
            metric === 'multilane_otlp_items_dropped_total' && labels.signal === signal && value > 0,
        )
        .map(({ labels, value }) => [labels.reason, value]),
    );
  return { otlp, close, ticks, recorder, source, logs, dropped };
}

type Serialize = OtlpSdk['transformer']['JsonMetricsSerializer']['serializeRequest'];

/** Many series of a metric, with their numbers as values. */
const many = (count: number): MetricSource => {
  const series = Array.from({ length: count }, (_, n) =>
    currentValue('multilane_registry_instances', n, { service: `s${n}`, state: 'healthy' }),
  );
  return () => ({ series });
};

describe('the export by OTLP', () => {
  let collector: OtlpCollector;
  beforeEach(async () => {
    collector = await OtlpCollector.start();
  });
  afterEach(() => collector.close());

  for (const protocol of PROTOCOLS) {
    it(`sends metrics as ${protocol}, with their resource, in requests of bounded size`, async () => {
      const { otlp, close, recorder, source, dropped } = exporting(collector.url, protocol);
      recorder.histogram(DURATION, { http_route: '/a', http_response_status_code: '200' }).record(7_000);
      recorder.declare('cart_items', 'histogram', 'Items.', [1, 10]);
      recorder.distribution('cart_items', { kind: 'x' }, [1, 10]).record(2.5);
      otlp.exportMetrics([source, many(450)]);
      await close();
      const metrics = collector.requests.filter(({ path }) => path === '/v1/metrics');
      expect(metrics.length).to.be.at.least(3);
      for (const { bytes } of metrics) expect(bytes).to.be.below(150_000);
      expect(metrics[0]?.headers).to.include({
        'x-key': 'secret',
        'content-type': protocol === 'http/json' ? 'application/json' : 'application/x-protobuf',
      });
      const named = (name: string) => collector.points.filter((point) => point.name === name);
      expect(named('multilane_registry_instances').map(({ value }) => value)).to.deep.equal(
        Array.from({ length: 450 }, (_, n) => n),
      );
      const [served] = named('http.server.request.duration');
      expect(served).to.include({ kind: 'histogram', unit: 's', value: 1, temporality: 2 });
      expect(served?.sum).to.be.closeTo(0.007, 1e-9);
      expect(served?.bucketCounts.slice(0, 3)).to.deep.equal([0, 1, 0]);
      expect(String(served?.attributes['http.response.status_code'])).to.equal('200');
      const [items] = named('cart_items');
      expect(items).to.deep.include({ explicitBounds: [1, 10], bucketCounts: [0, 1, 0], sum: 2.5 });
      expect(items?.resource).to.include({ 'service.name': 'shop', team: 'a', 'service.instance.id': 'one' });
      const cpu = named('process.cpu.time');
      expect(cpu.map(({ attributes }) => attributes['cpu.mode'])).to.have.members(['user', 'system']);
      expect(cpu[0]).to.include({ kind: 'sum', isMonotonic: true, unit: 's' });
      expect(named('process.memory.usage')[0]?.value).to.be.above(2 ** 20);
      expect(dropped('metrics')).to.deep.equal({});
    });

    it(`sends log lines as ${protocol}, with severity, trace and exception`, async () => {
      const { close, logs, dropped } = exporting(collector.url, protocol);
      const written: string[] = [];
      const sink = { write: (line: string) => void written.push(line), flush: () => undefined };
      const lost = (): never => expect.fail('a line found no room');
      const log = createLogger(
        { logLevel: 'info', logFormat: 'json' },
        { worker: 3 },
        exportedSink(sink, logs.open().memory, lost),
      );
      log.error({ err: new TypeError('no\nsuch cart'), token: 'sesame-sesame' }, 'failed: %s', 'cart');
      log.debug('not at this level');
      for (let n = 0; n < 300; n++) log.info({ n }, 'counted');
      await close();
      expect(written).to.have.length(301);
      expect(collector.lines).to.have.length(301);
      const [failed] = collector.lines;
      expect(failed).to.include({ body: 'failed: cart', severityText: 'ERROR', severityNumber: 17 });
      expect(failed?.attributes).to.include({
        'exception.type': 'TypeError',
        'exception.message': 'no\nsuch cart',
      });
      expect(failed?.attributes['exception.stacktrace']).to.contain('TypeError');
      expect(Number(failed?.attributes['multilane.worker'])).to.equal(3);
      expect(JSON.stringify(failed)).to.not.contain('sesame-sesame');
      expect(collector.lines.slice(1).map(({ attributes }) => Number(attributes.n))).to.deep.equal(
        Array.from({ length: 300 }, (_, n) => n),
      );
      expect(dropped('logs')).to.deep.equal({});
    });
  }

  for (const protocol of PROTOCOLS) {
    it(`sends the more lines in a request as ${protocol} the more wait, up to a number of bytes`, async () => {
      const { close, logs, dropped } = exporting(collector.url, protocol);
      const sink = { write: () => undefined, flush: () => undefined };
      const [threads, each] = [20, 300];
      for (let thread = 0; thread < threads; thread++) {
        const exported = exportedSink(sink, logs.open().memory, () => expect.fail('a line found no room'));
        for (let n = 0; n < each; n++)
          exported.write(`${JSON.stringify({ level: 30, thread, n, msg: 'x'.repeat(300) })}\n`, String);
      }
      await close();
      expect(
        collector.lines.map(({ attributes }) => `${Number(attributes.thread)} ${Number(attributes.n)}`),
      ).to.deep.equal(
        Array.from({ length: threads * each }, (_, at) => `${Math.floor(at / each)} ${at % each}`),
      );
      const bytes = collector.requests.map((request) => request.bytes);
      expect(bytes.length).to.be.above(2);
      expect(Math.min(...bytes.slice(0, -1))).to.be.at.least(REQUEST_BYTES);
      // The lines of one turn are added as a whole.
      expect(Math.max(...bytes)).to.be.below(1.1 * REQUEST_BYTES);
      expect(dropped('logs')).to.deep.equal({});
    });

    it(`drops only the lines of a turn in which one cannot be written as ${protocol}`, async () => {
      const { close, logs, dropped } = exporting(collector.url, protocol);
      const sink = { write: () => undefined, flush: () => undefined };
      const exported = exportedSink(sink, logs.open().memory, () => expect.fail('a line found no room'));
      const write = (fields: object): void =>
        exported.write(`${JSON.stringify({ level: 30, ...fields })}\n`, String);
      for (let n = 0; n < 100; n++) write({ n });
      let deep: unknown = 1;
      for (let level = 0; level < 3_000; level++) deep = [deep];
      write({ deep });
      for (let n = 100; n < 200; n++) write({ n });
      await close();
      const { unreadable = 0, ...others } = dropped('logs');
      expect(others).to.deep.equal({});
      expect(unreadable).to.be.within(0, 64);
      expect(collector.lines.length + unreadable).to.equal(201);
    });

    it(`sends spans as ${protocol}`, async () => {
      const endpoint = `${collector.url}/v1/traces`;
      const otel = { endpoint, headers: {}, protocol, serviceName: 'shop', resourceAttributes: {} };
      const recorder = new SeriesTable(new SeriesMemory().of(1));
      const settings = { otel: { ...otel, disabled: false, sampler: 'always_on', samplerArg: 1 } };
      const tracing = initTracing(
        settings,
        { worker: 1, instanceId: 'one' },
        { log: silentLog as Logger, recorder },
      );
      tracing.begin('cart', 'internal', undefined).end();
      await tracing.shutdown();
      expect(collector.spans).to.deep.equal(['cart']);
      expect(collector.requests[0]?.headers['content-type']).to.equal(
        protocol === 'http/json' ? 'application/json' : 'application/x-protobuf',
      );
    });
  }

  it('counts what the collector refuses, in whole and in part, and logs it without secrets', async () => {
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (...args: unknown[]) => void warnings.push(JSON.stringify(args)) };
    collector.response = { status: 400, body: '{}' };
    const first = exporting(collector.url, 'http/json', log as never);
    first.otlp.exportMetrics([many(450)]);
    await first.close();
    const { refused = 0, ...others } = first.dropped('metrics');
    expect(refused).to.be.at.least(450);
    expect(others).to.deep.equal({});
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.contain('/v1/metrics').and.not.contain('secret');
    collector.response = { status: 200, body: '{"partialSuccess":{"rejectedDataPoints":"3"}}' };
    const second = exporting(collector.url);
    second.otlp.exportMetrics([many(5)]);
    await second.close();
    expect(second.dropped('metrics').refused).to.be.at.least(3);
  });

  it('goes on after a request that was refused', async () => {
    collector.nextResponses.push({ status: 413, body: '{}' });
    const { otlp, close, dropped } = exporting(collector.url);
    otlp.exportMetrics([many(450)]);
    await close();
    const values = collector.points.filter(({ name }) => name === 'multilane_registry_instances');
    expect(values.at(-1)?.value, 'the last series of the last request').to.equal(449);
    expect(dropped('metrics')).to.deep.equal({ refused: SERIES_PER_REQUEST });
  });

  it('does not repeat with other requests what was overloaded until its time was over', async () => {
    await withTimeout(300, async () => {
      collector.response = { status: 503, body: '{}' };
      const { otlp, close, dropped } = exporting(collector.url);
      otlp.exportMetrics([many(450)]);
      await close();
      expect(collector.requests).to.have.length(1);
      const { refused = 0, ...others } = dropped('metrics');
      expect(refused).to.be.at.least(450);
      expect(others).to.deep.equal({});
    });
  });

  it('reads the last values anew, also when an export is under way at the end', async () => {
    const { otlp, close, ticks } = exporting(collector.url);
    let value = 1;
    otlp.exportMetrics([() => ({ series: [currentValue('multilane_registry_instances', value, {})] })]);
    let release = (): void => undefined;
    collector.held = new Promise<void>((resolve) => {
      release = resolve;
    });
    for (const tick of ticks) tick();
    await collector.waitFor(() => collector.requests[0], 'request');
    value = 2;
    const closed = close();
    release();
    await closed;
    const sent = collector.points.filter(({ name }) => name === 'multilane_registry_instances');
    expect(sent.map((point) => point.value)).to.deep.equal([1, 2]);
  });

  it('never fails the end of the process, however little time a silent collector has', async () => {
    collector.held = new Promise(() => undefined);
    for (const leftMs of [1_350, 1_000, 0]) {
      const server = new Lifecycle();
      server.defer('server', () => undefined, 1_000);
      const { otlp, close } = exporting(collector.url, 'http/json', silentLog, server);
      otlp.exportMetrics([many(10)]);
      expect(await close(leftMs), `${leftMs} ms`).to.equal(true);
    }
  });

  it('gives its points times of the present after the clock was set back', async () => {
    const { now } = Date;
    let present = 0;
    try {
      Date.now = () => now() - 3_600_000;
      const { otlp, close } = exporting(collector.url);
      otlp.exportMetrics([many(1)]);
      await close();
      present = Date.now();
    } finally {
      Date.now = now;
    }
    const [point] = collector.points;
    expect(Number(point!.timeUnixNano) / 1e6).to.be.at.most(present + 1);
    expect(point!.startTimeUnixNano <= point!.timeUnixNano).to.equal(true);
  });

  it('ends within its time when the collector is gone, and counts what was not sent', async () => {
    await collector.close();
    const { otlp, close, logs, dropped } = exporting(collector.url);
    const sink = { write: () => undefined, flush: () => undefined };
    exportedSink(sink, logs.open().memory, () => undefined).write('{"level":30,"msg":"x"}\n', String);
    otlp.exportMetrics([many(10)]);
    await close(10_000);
    expect(dropped('metrics').shutdown).to.be.at.least(10);
    expect(dropped('logs')).to.deep.equal({ shutdown: 1 });
    collector = await OtlpCollector.start();
  });

  it('drops and counts the lines that find no room while nothing is sent', async () => {
    const { logs, dropped, recorder } = exporting(collector.url);
    const count = droppedItems(recorder, 'logs');
    const written: string[] = [];
    const sink = { write: (line: string) => void written.push(line), flush: () => undefined };
    const exported = exportedSink(sink, logs.open().memory, () => count('queue_full', 1));
    const line = `${JSON.stringify({ level: 30, msg: 'x'.repeat(1_000) })}\n`;
    for (let n = 0; n < 1_000; n++) exported.write(line, String);
    expect(written, 'standard output gets all of them').to.have.length(1_000);
    const { queue_full: lost = 0 } = dropped('logs');
    expect([...logs.take()].length + lost).to.equal(1_000);
    expect(lost).to.be.above(500);
  });

  it('exports the last lines of a thread that has ended, and forgets its ring', () => {
    const logs = new ExportedLogs();
    const thread = logs.open();
    const sink = { write: () => undefined, flush: () => undefined };
    exportedSink(sink, thread.memory, () => undefined).write('{"msg":"last"}\n', String);
    thread.close();
    expect([...logs.take()]).to.deep.equal(['{"msg":"last"}']);
    expect([...logs.take()]).to.deep.equal([]);
  });

  it('keeps the latest lines of ended threads, up to a bound, and counts those that it drops', async () => {
    const { close, logs, dropped, ticks } = exporting(collector.url);
    const sink = { write: () => undefined, flush: () => undefined };
    for (let thread = 0; thread < 50; thread++) {
      const one = logs.open();
      const exported = exportedSink(sink, one.memory, () => expect.fail('a line found no room'));
      const line = `${JSON.stringify({ level: 30, thread, msg: 'x'.repeat(10_000) })}\n`;
      for (let n = 0; n < 10; n++) exported.write(line, String);
      one.close();
      one.close();
    }
    for (const tick of ticks) tick();
    const { queue_full: lost = 0, ...others } = dropped('logs');
    expect(lost).to.be.above(50).and.below(150);
    await close();
    expect(others).to.deep.equal({});
    expect(collector.lines.length + lost, 'each line is exported or counted').to.equal(500);
    const threads = new Set(collector.lines.map(({ attributes }) => Number(attributes.thread)));
    expect([...threads], 'the latest ones').to.deep.equal(
      Array.from({ length: threads.size }, (_, n) => n + 50 - threads.size),
    );
  });

  it('writes some kilobytes of lines in a turn of the event loop, however many values a line has', async () => {
    const { close, logs, dropped } = exporting(collector.url);
    const many = Array.from({ length: 1_900 }, (_, n) => n % 10);
    const line = JSON.stringify({ level: 30, msg: 'many', many });
    const lines = Array<string>(60).fill(line);
    let [inTurn, most, isDone] = [0, 0, false];
    const turn = (): void => {
      inTurn = 0;
      if (!isDone) setImmediate(turn);
    };
    turn();
    logs.take = function* () {
      for (const one of lines.splice(0)) {
        most = Math.max(most, ++inTurn);
        yield one;
      }
    };
    try {
      await close();
    } finally {
      isDone = true;
    }
    expect(collector.lines).to.have.length(60);
    expect(dropped('logs')).to.deep.equal({});
    expect(most, 'two lines a turn, and the next one').to.be.below(8);
  });

  it('counts texts in a ring that are no lines of the logger', async () => {
    const { close, logs, dropped } = exporting(collector.url);
    const sink = { write: () => undefined, flush: () => undefined };
    const exported = exportedSink(sink, logs.open().memory, () => undefined);
    for (const text of ['not JSON', '5', 'null', '{"level":']) exported.write(`${text}\n`, String);
    const nested = `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`;
    exported.write(`${nested}\n`, String);
    await close();
    expect(dropped('logs')).to.deep.equal({ unreadable: 5 });
  });

  it('writes a few series of metrics in a turn of the event loop, also when they are refused', async () => {
    const { JsonMetricsSerializer } = loadOtlpSdk().transformer;
    const serialize = Reflect.get(JsonMetricsSerializer, 'serializeRequest') as Serialize;
    let [turn, isOver, most] = [0, false, 0];
    const inTurns = new Map<number, number>();
    const next = (): void => {
      turn++;
      if (!isOver) setImmediate(next);
    };
    JsonMetricsSerializer.serializeRequest = (given) => {
      let points = inTurns.get(turn) ?? 0;
      for (const { metrics } of given.scopeMetrics)
        for (const one of metrics) points += one.dataPoints.length;
      inTurns.set(turn, points);
      return serialize.call(JsonMetricsSerializer, given);
    };
    try {
      setImmediate(next);
      for (const status of [200, 400]) {
        collector.response = { status, body: '{}' };
        const { otlp, close } = exporting(collector.url);
        otlp.exportMetrics([many(450)]);
        await close();
      }
    } finally {
      isOver = true;
      JsonMetricsSerializer.serializeRequest = serialize;
    }
    for (const points of inTurns.values()) most = Math.max(most, points);
    expect(most).to.equal(SERIES_PER_PART);
  });

  it('never keeps the thread for long: the loop turns between requests', async () => {
    const { otlp, close } = exporting(collector.url);
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    otlp.exportMetrics([many(2_000)]);
    await close();
    clearInterval(timer);
    expect(turns).to.be.at.least(10);
    await sleep(0);
  });
});
