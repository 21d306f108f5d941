// Measures the CPU time of a server span: of one that is not kept, of one that is kept in this process, and of
// one that is exported too.
// node build/bench/micro/tracing.js
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { pino } from 'pino';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { SpanMemory } from '#src/memory/span-ring.js';
import type { Tracing } from '#src/telemetry/span.js';
import { SpanLog } from '#src/telemetry/span-log.js';
import { endServerSpan, keptServerSpan } from '#src/telemetry/spans.js';
import { initTracing } from '#src/telemetry/tracing.js';
import { type Spread, spread } from '../statistics.js';

/** Number of spans that the exporter sends at once, so that each batch is one export. */
const SPANS = 512;
const BATCHES = 150;
const WARM_UP = 100;
const RUNS = 5;
const REQUEST = {
  method: 'GET',
  template: '/api/users/{id}',
  shownPath: '/api/users/7',
  scheme: 'http',
  host: 'shop.example:8080',
  clientAddress: '203.0.113.195',
  service: 'users',
  traceparent: undefined,
  tracestate: undefined,
  trusted: false,
} as const;

// The collector runs in its own process, so that its CPU time is not counted.
const collector = fork(new URL('./tracing/collector.js', import.meta.url));
const [endpoint] = (await once(collector, 'message')) as [string];
const resolved = { disabled: false, serviceName: 'bench', endpoint, headers: {}, resourceAttributes: {} };

function tracingOf(samplerArg: number, isExported: boolean): Tracing {
  const otel = {
    ...resolved,
    endpoint: isExported ? endpoint : undefined,
    sampler: 'traceidratio',
    samplerArg,
  };
  const recorder = new SeriesTable(new SeriesMemory().of(1));
  const spanLog = new SpanLog(new SpanMemory(1).of(1), 1, () => performance.now());
  return initTracing({ otel }, { worker: 1, instanceId: 'bench' }, { log: pino(), recorder, spanLog });
}

/** As the pipeline does it: nothing is created for a request that is not kept. */
function one(tracing: Tracing): void {
  if (tracing.samples(REQUEST)) endServerSpan(keptServerSpan(tracing, REQUEST), 200);
}

async function batches(tracing: Tracing, count: number): Promise<void> {
  for (let batch = 0; batch < count; batch++) {
    for (let span = 0; span < SPANS; span++) one(tracing);
    await tracing.flush();
  }
}

/** Microseconds of CPU time for one span: user and system time of all threads of this process. */
async function cpuOfOne(samplerArg: number, isExported: boolean): Promise<Spread> {
  const tracing = tracingOf(samplerArg, isExported);
  await batches(tracing, WARM_UP);
  const runs: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const before = process.cpuUsage();
    await batches(tracing, BATCHES);
    const { user, system } = process.cpuUsage(before);
    runs.push((user + system) / (BATCHES * SPANS));
  }
  await tracing.shutdown();
  return spread(runs);
}

for (const [what, share, isExported] of [
  ['not kept', 0, false],
  ['kept here', 1, false],
  ['kept and exported', 1, true],
] as const) {
  const { median, min, max } = await cpuOfOne(share, isExported);
  const range = `(${min.toFixed(3)}..${max.toFixed(3)})`;
  process.stdout.write(`a server span, ${what.padEnd(18)} ${median.toFixed(3).padStart(7)} us ${range}\n`);
}
collector.disconnect();
