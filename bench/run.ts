// `npm run bench`: starts every server, measures, prints the table and writes results/. Ctrl-C ends all
// children.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorMessage } from '#src/error-text.js';
import { chooseTool } from './load/choose.js';
import { measure, type Result } from './measure.js';
import { parseOptions, USAGE } from './options.js';
import { pssMiB } from './process/proc.js';
import { type Server, startServer } from './process/server.js';
import { chart } from './report/chart.js';
import { machine, type Report, type StartFigures } from './report/report.js';
import { markdown } from './report/table.js';
import { SCENARIOS } from './scenarios/scenarios.js';
import { subjects } from './subjects.js';

const RESULTS = fileURLToPath(new URL('../../bench/results/', import.meta.url));

async function run(argv: readonly string[], signal: AbortSignal): Promise<void> {
  const options = parseOptions(argv);
  const tool = chooseTool(options.tool);
  const scratch = mkdtempSync(join(tmpdir(), 'multilane-bench-'));
  chmodSync(scratch, 0o711); // started by root, PostgreSQL runs as another user and must be able to enter this folder
  const servers: Server[] = [];
  try {
    const everyone = subjects(options.workers, scratch);
    const starts: StartFigures[] = [];
    for (const subject of everyone) {
      const server = await startServer(subject);
      servers.push(server);
      signal.throwIfAborted();
      starts.push({ server: server.name, startMs: server.startMs, idlePssMiB: pssMiB(server.pid) });
    }
    const plan = {
      tool,
      rounds: options.rounds,
      seconds: options.duration,
      connections: options.connections,
      signal,
      progress: (line: string) => process.stderr.write(`${line}\n`),
    };
    const results: Result[] = [];
    for (const scenario of SCENARIOS) {
      const taking = servers.filter((_, index) => everyone[index]!.scenarios.includes(scenario.name));
      results.push(...(await measure(scenario, taking, plan)));
    }
    write({
      date: new Date().toISOString(),
      machine: machine(),
      options: { ...options, tool: tool.name },
      starts,
      results,
    });
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(scratch, { recursive: true, force: true });
  }
}

function write(report: Report): void {
  mkdirSync(RESULTS, { recursive: true });
  const base = join(RESULTS, `${report.date.slice(0, 19).replaceAll(':', '-')}Z-${report.options.tool}`);
  writeFileSync(`${base}.json`, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(`${base}.md`, markdown(report));
  writeFileSync(`${base}.svg`, chart(report));
  process.stdout.write(`${markdown(report)}\nwritten: ${base}.{json,md,svg}\n`);
}

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => interrupted.abort(new Error(`bench: ended by ${name}`)));
}
try {
  await run(process.argv.slice(2), interrupted.signal);
} catch (error) {
  const reason: unknown = interrupted.signal.aborted ? interrupted.signal.reason : error;
  process.stderr.write(`${errorMessage(reason)}\n${USAGE}\n`);
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}
