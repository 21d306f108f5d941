// `npm run bench:growth`: whether the CPU time per request stays the same while a deployment grows: from 10 to
// 10,000 routes, from 2 to 8 workers, from 64 to 10,000 connections. Each series is measured in rounds of all
// its points, and writes a table and a chart.
import { chooseTool } from './load/choose.js';
import { type Measured, measure, type Plan } from './measure.js';
import { GROWTH_USAGE, type GrowthOptions, parseGrowthOptions } from './options.js';
import { type Server, startServer } from './process/server.js';
import { chart } from './report/chart.js';
import type { ChartFile } from './report/charts.js';
import { range, table } from './report/markdown.js';
import { machine } from './report/report.js';
import { writeResults } from './report/result-folder.js';
import { command, inSurroundings, planOf, progress } from './session.js';
import { shapeNamed } from './shapes/shapes.js';
import { type Spread, spread } from './statistics.js';
import { multilane, rawUws, type Surroundings, THIS_CHECKOUT } from './subjects/own.js';
import type { Subject } from './subjects/subject.js';

/** One point of a series. */
interface Point {
  readonly label: string;
  /** Undefined for a point at which the servers of the first point are loaded in another way. */
  readonly subject?: Subject;
  /** Raw uWebSockets.js with as many threads: what the machine alone costs at this point. */
  readonly control?: Subject;
  readonly connections: number;
}

interface Series {
  readonly name: string;
  readonly title: string;
  readonly shape: string;
  readonly points: readonly Point[];
}

const ROUTES = [10, 100, 1_000, 10_000];
const WORKERS = [2, 4, 8];
const CONNECTIONS = [64, 256, 1_024, 4_096, 10_000];

const controlOf = (label: string): string => `raw, ${label}`;

function seriesIn(surroundings: Surroundings, { sharding, connections }: GrowthOptions): Series[] {
  const ours = (label: string, more: Readonly<Record<string, string>>, workers: number): Point => {
    const around = { ...surroundings, workers };
    const subject = multilane(label, sharding, around);
    const control = rawUws(controlOf(label), sharding, around);
    return { label, subject: { ...subject, env: { ...subject.env, ...more } }, control, connections };
  };
  const { workers } = surroundings;
  const routes = ROUTES.map((count) => ours(`${count} routes`, { BENCH_ROUTES: `${count}` }, workers));
  return [
    { name: 'routes', title: 'a parameter, by routes', shape: 'param', points: routes },
    { name: 'static-routes', title: 'JSON, by routes', shape: 'json', points: routes },
    {
      name: 'workers',
      title: 'JSON, by workers',
      shape: 'json',
      points: WORKERS.map((count) => ours(`${count} workers`, {}, count)),
    },
    {
      name: 'connections',
      title: 'JSON, by connections',
      shape: 'json',
      points: CONNECTIONS.map((count, n) => ({
        ...(n === 0 ? ours('connections', {}, workers) : {}),
        label: `${count} connections`,
        connections: count,
      })),
    },
  ];
}

await command(GROWTH_USAGE, async (argv, signal) => {
  const options = parseGrowthOptions(argv);
  const tool = chooseTool(undefined);
  const facts = machine(THIS_CHECKOUT);
  const date = new Date().toISOString();
  await inSurroundings({ workers: options.workers, shapes: [] }, async (surroundings) => {
    const all = seriesIn(surroundings, options).filter(
      ({ name }) => options.series.length === 0 || options.series.includes(name),
    );
    const exclude = (server: string, reason: string): void => progress(`${server}: ${reason}`);
    const texts: string[] = [];
    const charts: ChartFile[] = [];
    const results: Record<string, readonly Measured[]> = {};
    for (const series of all) {
      const measured = await run(series, planOf(options, { tool, signal, exclude }));
      results[series.name] = measured;
      texts.push(tableOf(series, measured));
      charts.push({ name: `${series.name}.svg`, svg: chartOf(series, measured) });
    }
    const { cpu, cores, kernel, node, commit } = facts;
    const head = `# Growth, ${date}\n\n${cpu}, ${cores} cores shared with the load tool, Linux ${kernel}, Node ${node}, commit ${commit ?? 'unknown'};
${tool.name}, ${options.rounds} rounds of ${options.duration} s, ${options.sharding}. Median (min..max) of all rounds.`;
    const tables = `${[head, ...texts].join('\n\n')}\n`;
    const result = { date, machine: facts, options, results };
    writeResults({ date, name: 'growth', result, tables, charts });
  });
});

/** Starts the servers of a series, measures its points in rounds, and ends the servers. */
async function run({ shape, points }: Series, plan: Plan): Promise<readonly Measured[]> {
  const servers: Server[] = [];
  const started: Server[] = [];
  const start = async (subject: Subject): Promise<Server> => {
    const server = await startServer(subject);
    started.push(server);
    await subject.prepare?.(server);
    return server;
  };
  const connections = new Map<string, number>();
  let [ours, control]: (Server | undefined)[] = [];
  try {
    for (const point of points) {
      plan.signal.throwIfAborted();
      if (point.subject !== undefined) ours = await start(point.subject);
      if (point.control !== undefined) control = await start(point.control);
      const { label } = point;
      servers.push({ ...ours!, name: label }, { ...control!, name: controlOf(label) });
      for (const name of [label, controlOf(label)]) connections.set(name, point.connections);
    }
    return await measure({ shape: shapeNamed(shape), fields: 'bare' }, servers, {
      ...plan,
      connectionsOf: ({ name }) => connections.get(name)!,
    });
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}

function cpuOf({ samples }: Measured): Spread {
  return spread(samples.map(({ cpuUs }) => cpuUs));
}

/** The ratios are of one round each, so that the state of the machine does not enter them. */
function tableOf({ title, points }: Series, measured: readonly Measured[]): string {
  const samplesOf = (name: string) => measured.find(({ server }) => server === name)?.samples ?? [];
  const rows = points.map(({ label }) => {
    const [samples, control] = [samplesOf(label), samplesOf(controlOf(label))];
    if (samples.length === 0 || control.length === 0) return [label, '-', '-', '-', '-', '-'];
    const of = (key: 'cpuUs' | 'perSecond' | 'pssMiB') => spread(samples.map((sample) => sample[key]));
    return [
      label,
      range(of('cpuUs'), 2),
      range(spread(control.map(({ cpuUs }) => cpuUs)), 2),
      range(spread(samples.map(({ cpuUs }, round) => cpuUs / control[round]!.cpuUs)), 2),
      range(of('perSecond'), 0),
      of('pssMiB').median.toFixed(0),
    ];
  });
  const head = ['', 'CPU, us/request', 'raw, us/request', 'to raw', 'requests/s', 'PSS, MiB'];
  return `## ${title}\n\n${table(head, rows)}`;
}

function chartOf({ title }: Series, measured: readonly Measured[]): string {
  const bars = measured.map((point) => {
    const value = cpuOf(point);
    const colour = point.server.startsWith('raw') ? ('control' as const) : ('ours' as const);
    return { label: point.server, value, text: value.median.toFixed(2), colour };
  });
  return chart(`CPU time of the server per request, us: ${title}`, bars);
}
