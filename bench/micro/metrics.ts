// Measures what metrics cost: one observation on the path of a request, and a page or an OTLP export of 2,000
// series in the primary, with the longest turn of its event loop.
// node build/bench/micro/metrics.js
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Block } from '#src/memory/block.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { sharedMemorySource } from '#src/telemetry/metric-families.js';
import { MetricsExport } from '#src/telemetry/metrics-export.js';
import { otelResource } from '#src/telemetry/otel-resource.js';
import { loadOtlpSdk } from '#src/telemetry/otlp-sdk.js';
import { Exposition } from '#src/telemetry/prometheus.js';
import { serviceMetrics } from '#src/telemetry/service-metrics.js';
import { nanosecondsPerCall } from './time.js';
import { turnsOf } from './turns.js';

const CALLS = 200_000;
const SERIES = 2_000;
const ROUNDS = 15;
const NAME = 'http_server_request_duration_seconds';
const TRACE = { traceId: '0123456789abcdef0123456789abcdef', spanId: '0123456789abcdef' };

const memory = new SeriesMemory();
const table = new SeriesTable(memory.of(1));
const histogram = table.histogram(NAME, { http_route: '/measured' });
const metrics = serviceMetrics(table.pool('services'))('shop');
const fixed = metrics.counter('fixed_total', 'Fixed labels.', { kind: 'a' });
const labelled = metrics.counter('labelled_total', 'Labels with each observation.', ['kind', 'how']);
const sizes = metrics.histogram('items', 'Buckets of its own.', {}, { buckets: [1, 2, 5, 10, 20, 50] });
const LABELS = { kind: 'a', how: 'b' };

const calls: readonly (readonly [string, (turn: number) => void])[] = [
  ['record a duration', (turn) => histogram.record(turn & 0xffff)],
  ['record a duration with an exemplar', (turn) => histogram.record(turn & 0xffff, TRACE)],
  ['add with fixed labels', () => fixed.add(1)],
  ['add with two labels', () => labelled.add(1, LABELS)],
  ['record in own buckets', (turn) => sizes.record(turn & 63)],
];
for (const [what, call] of calls) {
  const { median, min, max } = nanosecondsPerCall(CALLS, call);
  process.stdout.write(
    `${what.padEnd(36)} ${median.toFixed(0).padStart(6)} ns (${min.toFixed(0)}..${max.toFixed(0)})\n`,
  );
}

const worker = new SeriesTable(memory.of(2)).pool('routes');
for (let route = 0; route < SERIES; route++) {
  const labels = { http_request_method: 'GET', http_route: `/api/route-${route}/{id}`, url_scheme: 'http' };
  for (let us = 100; us < 1e6; us *= 4) worker.histogram(NAME, labels).record(us, TRACE);
}

/** Runs work some times. @returns the median CPU time of a run and of the longest turn of each run */
async function medianTurns(work: () => Promise<unknown>): Promise<{ all: number; longest: number }> {
  const rounds: { all: number; longest: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await turnsOf(work));
  const middle = (values: number[]): number => values.sort((a, b) => a - b)[ROUNDS >> 1]!;
  return { all: middle(rounds.map(({ all }) => all)), longest: middle(rounds.map(({ longest }) => longest)) };
}

const show = (what: string, { all, longest }: { all: number; longest: number }, bytes: number): void => {
  const size = (bytes / 1024).toFixed(0);
  process.stdout.write(
    `${what.padEnd(36)} ${all.toFixed(0).padStart(6)} ms, longest turn ${longest.toFixed(1)} ms, ${size} KiB\n`,
  );
};

const source = sharedMemorySource(Block.create({ workers: 2 }), memory);
const exposition = new Exposition([source]);
for (const format of ['prometheus', 'openmetrics'] as const) {
  const text = await exposition.render(format);
  show(
    `page of ${SERIES} histograms, ${format}`,
    await medianTurns(() => exposition.render(format)),
    text.length,
  );
}

let received = 0;
const collector = createServer((request, response) => {
  request.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  request.on('end', () => response.end('{}'));
}).listen(0, '127.0.0.1');
await new Promise((resolve) => collector.once('listening', resolve));
const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/metrics`;
const sdk = loadOtlpSdk();
for (const protocol of ['http/json', 'http/protobuf'] as const) {
  const exporting = new MetricsExport({
    sdk,
    sources: [source],
    resource: otelResource(sdk.resources, { serviceName: 'bench', resourceAttributes: {} }, 'bench'),
    target: { endpoint, headers: {}, protocol, intervalMs: 60_000 },
    dropped: () => undefined,
    log: { warn: () => undefined },
    every: () => () => undefined,
  });
  await exporting.exportNow();
  received = 0;
  const turns = await medianTurns(() => exporting.exportNow());
  show(`OTLP of ${SERIES} histograms, ${protocol}`, turns, received / ROUNDS);
  await exporting.close({ ends: async (last) => last.then(() => true) });
}
collector.close();
collector.closeAllConnections();
