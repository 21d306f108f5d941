// `npm run bench:observe`: what it costs to see everything. This checkout runs three times in one run: with
// tracing off, the same again, and with all of it on: one trace in a hundred and the metrics and log lines are
// exported to a collector, a log line for one request in a hundred, phases of slow requests, a Prometheus that
// scrapes every 5 s, and a dashboard that follows all topics.
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chooseTool } from './load/choose.js';
import { OBSERVE_USAGE, parseObserveOptions } from './options.js';
import { adminOf } from './process/register.js';
import type { Server } from './process/server.js';
import { comparisonText } from './report/comparison-text.js';
import { command, inSurroundings, measureTogether } from './session.js';
import { multilane } from './subjects/own.js';
import type { Subject } from './subjects/subject.js';
import type { Roles } from './summarize.js';
import { judgeRun } from './verdict.js';

const ROLES: Roles = { baseline: 'off', double: 'off again (A/A)' };
const CANDIDATE = 'on';
const TOPICS = 'overview,routes,workers,services,calls,breakers,limits,cpu';
const SCRAPE_MS = 5_000;

const OFF = { OTEL_SDK_DISABLED: 'true' };
const onOf = (collector: string): Record<string, string> => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector,
  OTEL_METRICS_EXPORTER: 'otlp',
  OTEL_METRIC_EXPORT_INTERVAL: '5000',
  OTEL_LOGS_EXPORTER: 'otlp',
  REQUEST_LOG: '0.01',
  SLOW_REQUEST_MS: '1000',
});

await command(OBSERVE_USAGE, async (argv, signal) => {
  const options = parseObserveOptions(argv);
  const collector = await startCollector();
  try {
    await inSurroundings(options, async (surroundings) => {
      const own = (name: string, env: Record<string, string>): Subject => {
        const subject = multilane(name, options.sharding, surroundings);
        return { ...subject, env: { ...subject.env, ...env } };
      };
      const on = own(CANDIDATE, onOf(addressOf(collector)));
      const subjects: readonly Subject[] = [
        own(ROLES.baseline, OFF),
        own(ROLES.double, OFF),
        {
          ...on,
          async prepare(server) {
            await on.prepare?.(server);
            watch(server, signal);
          },
        },
      ];
      const tool = chooseTool(options.tool);
      const { results, notMeasured } = await measureTogether(subjects, options, {
        tool,
        signal,
        roles: ROLES,
      });
      const [broken] = notMeasured;
      if (broken !== undefined) throw new Error(`${broken.server}: ${broken.reason}`);
      const comparison = judgeRun(results, ROLES, CANDIDATE);
      process.stdout.write(`${comparisonText(comparison, { a: 'off', b: 'everything on' })}\n`);
    });
  } finally {
    collector.closeAllConnections();
    collector.close();
  }
});

/** Takes what is exported, and keeps nothing. */
async function startCollector(): Promise<HttpServer> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': request.headers['content-type'] ?? 'application/json' });
      response.end(request.headers['content-type'] === 'application/json' ? '{}' : '');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function addressOf(server: HttpServer): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Scrapes a process and follows its events, until it ends. */
function watch(server: Server, signal: AbortSignal): void {
  const admin = adminOf(server);
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const drained = async (path: string): Promise<void> => {
    const response = await fetch(`${admin}${path}`, { signal: either });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    for await (const piece of response.body ?? []) void piece;
  };
  const scraping = setInterval(() => void drained('/metrics').catch(() => undefined), SCRAPE_MS);
  void drained(`/events?topics=${TOPICS}`)
    .catch(() => undefined)
    .finally(() => {
      clearInterval(scraping);
      ended.abort();
    });
}
