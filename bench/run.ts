// `npm run bench`, `bench:full` and `bench:autocannon`: measures starts and memory, then starts every server,
// measures the shapes in rounds, prints the tables and writes a folder below results/. bench/README.md
// explains it.
import { errorMessage } from '#src/error-text.js';
import { chooseTool, toolFacts } from './load/choose.js';
import { type BenchOptions, parseRunOptions, RUN_USAGE } from './options.js';
import { requireOpenFiles } from './process/file-limit.js';
import { measureIdleConnections } from './process/idle-connections.js';
import { measureStarts, startToFirstResponse } from './process/starts.js';
import { charts } from './report/charts.js';
import { commandLine } from './report/command-line.js';
import { FORMAT, type IdleFigures, machine, type Report, type StartFigures } from './report/report.js';
import { writeResults } from './report/result-folder.js';
import { markdown } from './report/tables.js';
import { measureSaturation, saturationTable } from './saturation.js';
import { command, inSurroundings, measureTogether, progress } from './session.js';
import { lineUp, ROLES } from './subjects/line-up.js';
import { THIS_CHECKOUT } from './subjects/own.js';
import { factsOf, type NotMeasured, type Subject, shortReason, startRoute } from './subjects/subject.js';
import { noiseOf } from './summarize.js';

await command(RUN_USAGE, async (argv, signal) => {
  const options = parseRunOptions(argv);
  const tool = chooseTool(options.tool);
  requireOpenFiles(Math.max(options.idle, options.connections));
  const facts = machine(THIS_CHECKOUT); // before the run: it contains the load of the machine
  await inSurroundings(options, async (surroundings) => {
    const { subjects, notMeasured: absent } = await lineUp(options, surroundings, progress);
    if (options.tool === 'autocannon') {
      process.stdout.write(`${saturationTable(await measureSaturation(subjects[0]!, signal))}\n\n`);
    }
    const alone = await measureAlone(subjects, options, signal);
    // A server that could not be started alone cannot be started beside the others.
    const hasStarted = ({ name }: Subject): boolean =>
      options.starts === 0 || alone.starts.some(({ server }) => server === name);
    const able = subjects.filter(hasStarted);
    const { results, notMeasured } = await measureTogether(able, options, { tool, signal, roles: ROLES });
    write({
      format: FORMAT,
      date: new Date().toISOString(),
      machine: facts,
      command: commandLine('bench', argv),
      options: { ...options, ...toolFacts(tool), shapes: options.shapes.map(({ name }) => name) },
      servers: subjects.map(factsOf),
      roles: ROLES,
      noise: noiseOf(results, ROLES) ?? null,
      results,
      starts: alone.starts,
      idle: alone.idle,
      notMeasured: [...absent, ...alone.notMeasured, ...notMeasured],
    });
  });
});

interface Alone {
  readonly starts: StartFigures[];
  readonly idle: IdleFigures[];
  readonly notMeasured: NotMeasured[];
}

/** What is measured while no other server runs: starts, memory, idle connections. */
async function measureAlone(
  subjects: readonly Subject[],
  options: BenchOptions,
  signal: AbortSignal,
): Promise<Alone> {
  const found: Alone = { starts: [], idle: [], notMeasured: [] };
  for (const subject of subjects) {
    signal.throwIfAborted();
    try {
      await measureOneAlone(subject, options, signal, found);
    } catch (error) {
      signal.throwIfAborted();
      progress(`${subject.name}: ${errorMessage(error)}`);
      found.notMeasured.push({ server: subject.name, reason: shortReason(errorMessage(error)) });
    }
  }
  return found;
}

async function measureOneAlone(
  subject: Subject,
  { starts, idle, isFull }: BenchOptions,
  signal: AbortSignal,
  found: Alone,
): Promise<void> {
  const path = startRoute(subject);
  if (starts > 0) {
    progress(`${subject.name}: ${starts} starts`);
    found.starts.push({
      server: subject.name,
      path,
      ...(await measureStarts(subject, path, starts, isFull)),
    });
  }
  if (idle === 0 || !subject.routes.includes('plaintext')) return;
  progress(`${subject.name}: ${idle} idle connections`);
  const { server } = await startToFirstResponse(subject, path);
  try {
    found.idle.push({
      server: subject.name,
      ...(await measureIdleConnections(server, '/plaintext', idle, signal)),
    });
  } finally {
    await server.stop();
  }
}

function write(report: Report): void {
  const { date, options } = report;
  const [tables, files] = [markdown(report), charts(report)];
  writeResults({ date, name: options.tool, result: report, tables, charts: files });
}
