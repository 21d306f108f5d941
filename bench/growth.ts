// `npm run bench:growth`: whether the CPU time per request stays the same while a deployment grows: from 10 to
// 10,000 routes, from 2 to 8 workers, from 64 to 10,000 connections. Each series is measured in rounds of all
// its points, and writes a table and a chart.
import { measureSeries, noiseOfSeries, type SeriesFigures } from './growth/measure-series.js';
import { type GrowthReport, growthCharts, growthMarkdown } from './growth/report.js';
import { type Series, STEPS, seriesIn } from './growth/series.js';
import { chooseTool, toolFacts } from './load/choose.js';
import { GROWTH_USAGE, parseGrowthOptions } from './options.js';
import { requireOpenFiles } from './process/file-limit.js';
import { commandLine } from './report/command-line.js';
import { machine } from './report/report.js';
import { writeResults } from './report/result-folder.js';
import { command, inSurroundings, planOf, progress } from './session.js';
import { shapeNamed } from './shapes/shapes.js';
import { THIS_CHECKOUT } from './subjects/own.js';
import { factsOf, type NotMeasured, type ServerFacts, shortReason } from './subjects/subject.js';

await command(GROWTH_USAGE, async (argv, signal) => {
  const { duration, rounds, workers, connections, sharding, series } = parseGrowthOptions(argv);
  const most = series.includes('connections') ? Math.max(...STEPS.connections) : 0;
  requireOpenFiles(Math.max(most, connections));
  const tool = chooseTool(undefined);
  const facts = machine(THIS_CHECKOUT); // before the run: it contains the load of the machine
  const shapes = series.includes('instances') ? [shapeNamed('hop')] : [];
  await inSurroundings({ workers, shapes }, async (surroundings) => {
    const notMeasured: NotMeasured[] = [];
    const exclude = (server: string, reason: string): void => {
      progress(`${server}: ${reason}`);
      notMeasured.push({ server, reason: shortReason(reason) });
    };
    const plan = planOf({ rounds, duration, connections }, { tool, signal, exclude });
    const wanted = seriesIn(surroundings, { sharding, connections }).filter(({ name }) =>
      series.includes(name),
    );
    const measured: SeriesFigures[] = [];
    for (const one of wanted) measured.push(await measureSeries(one, plan));
    const date = new Date().toISOString();
    const report: GrowthReport = {
      format: 2,
      date,
      machine: facts,
      command: commandLine('bench:growth', argv),
      options: { ...toolFacts(tool), sharding, duration, rounds, workers, connections, series },
      servers: serversOf(wanted),
      noise: noiseOfSeries(measured),
      series: measured,
      notMeasured,
    };
    const [tables, charts] = [growthMarkdown(report), growthCharts(measured)];
    writeResults({ date, name: 'growth', result: report, tables, charts });
  });
});

/** All series measure the same two programs. */
function serversOf([series]: readonly Series[]): readonly ServerFacts[] {
  const { ours, control } = series!.points[0]!.subjects!;
  return [
    { ...factsOf(ours), name: 'multilane' },
    { ...factsOf(control), name: 'raw' },
  ];
}
