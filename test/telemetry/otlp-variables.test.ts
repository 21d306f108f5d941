// The variables OTEL_EXPORTER_OTLP_*: the packages of OpenTelemetry read them as well as our settings, and
// the settings decide. The setting of a signal replaces the general one:
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Logger } from 'pino';
import { SETTINGS } from '#src/config/table.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { startExport } from '#src/primary/otlp-export.js';
import { Lifecycle } from '#src/process/lifecycle.js';
import { ExportedLogs } from '#src/telemetry/logs-export.js';
import { currentValue } from '#src/telemetry/metric-families.js';
import { initTracing } from '#src/telemetry/tracing.js';
import { ROOT } from '#test/support/cluster.js';
import { OtlpCollector } from '#test/support/otlp-collector.js';
import { silentLog } from '#test/support/silent-log.js';
import { settings } from '../config/loading.js';

const log = silentLog as Logger;

/** Exports something of each signal, as a process does whose environment has these variables. */
async function exportAll(env: Readonly<Record<string, string>>): Promise<void> {
  const { otel } = await settings({ env });
  const recorder = new SeriesTable(new SeriesMemory().of(0));
  const tracing = initTracing({ otel }, { worker: 1, instanceId: 'one' }, { log, recorder });
  tracing.begin('cart', 'internal', undefined).end();
  await tracing.shutdown();
  const logs = new ExportedLogs();
  const state = { every: () => () => undefined, lifecycle: new Lifecycle() };
  const otlp = startExport(state, {
    ...{ settings: { otel }, instanceId: 'one', sharedState: { recorder }, output: { exported: logs }, log },
  } as never);
  otlp.exportMetrics([() => ({ series: [currentValue('multilane_limit_members', 1)] })]);
  await otlp.close({ ends: async (last) => last.then(() => true) });
}

describe('the variables OTEL_EXPORTER_OTLP_*', () => {
  let collector: OtlpCollector;
  let before: NodeJS.ProcessEnv;
  beforeEach(async () => {
    collector = await OtlpCollector.start();
    before = { ...process.env };
  });
  afterEach(async () => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    await collector.close();
  });

  for (const protocol of ['http/json', 'http/protobuf']) {
    it(`give a signal its own header fields in place of the general ones, and no others: ${protocol}`, async () => {
      const env = {
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-general=1,x-key=general',
        OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'x-key=METRICS',
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-key=TRACES',
        ...{ OTEL_METRICS_EXPORTER: 'otlp', OTEL_LOGS_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER: 'always_on' },
      };
      Object.assign(process.env, env);
      await exportAll(env);
      const sent = (path: string) =>
        collector.requests.find((request) => request.path === path)?.headers ?? {};
      for (const signal of ['TRACES', 'METRICS']) {
        expect(sent(`/v1/${signal.toLowerCase()}`)['x-key'], signal).to.equal(signal);
        expect(sent(`/v1/${signal.toLowerCase()}`), signal).to.not.have.property('x-general');
      }
    });

    it(`have no effect on header fields where a flag or the configuration file decides: ${protocol}`, async () => {
      Object.assign(process.env, {
        OTEL_EXPORTER_OTLP_HEADERS: 'x-general=1',
        OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'x-signal=1',
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-signal=1',
      });
      await exportAll({
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-key=ours',
        ...{ OTEL_METRICS_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER: 'always_on' },
      });
      expect(collector.requests.map(({ path }) => path).sort()).to.deep.equal(['/v1/metrics', '/v1/traces']);
      for (const { headers } of collector.requests) {
        expect(headers['x-key']).to.equal('ours');
        expect(headers).to.not.have.any.keys('x-general', 'x-signal');
      }
    });
  }

  it('that packages read are settings, or named beside the table of settings', () => {
    const read = new Set<string>();
    const folder = join(ROOT, 'node_modules/@opentelemetry');
    const packages = [
      'core',
      'otlp-exporter-base',
      'otlp-transformer',
      'resources',
      'sdk-metrics',
      'sdk-trace',
    ];
    for (const name of [...packages, 'sdk-trace-base', 'sdk-trace-node']) {
      for (const path of readdirSync(join(folder, name, 'build/src'), {
        recursive: true,
        encoding: 'utf8',
      })) {
        if (!path.endsWith('.js')) continue;
        const source = readFileSync(join(folder, name, 'build/src', path), 'utf8');
        for (const [, variable] of source.matchAll(/['"`](OTEL_(?:[A-Z_]|\$\{\w+\})+)['"`]/g))
          read.add(variable!);
      }
    }
    expect([...read]).to.include.members(['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_BSP_SCHEDULE_DELAY']);
    const page = readFileSync(join(ROOT, 'docs/settings.md'), 'utf8');
    const unknown = [...read]
      .map((name) => name.replace(/\$\{\w+\}_/, ''))
      .filter((name) => !Object.hasOwn(SETTINGS, name))
      .filter((name) => !page.includes(`\`${name}\``))
      .filter(
        (name) => !['OTEL_BSP_', 'OTEL_ATTRIBUTE_', 'OTEL_SPAN_'].some((start) => name.startsWith(start)),
      );
    expect(unknown).to.deep.equal([]);
  });
});
