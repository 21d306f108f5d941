// The tables and charts of the series.

import type { GrowthOptions } from '../options.js';
import { chart } from '../report/chart.js';
import type { ChartFile } from '../report/charts.js';
import { range, table } from '../report/markdown.js';
import { failureMark, notesOn, saturationMark } from '../report/marks.js';
import type { Machine, ToolFacts } from '../report/report.js';
import { missing, percent, toolText, versions } from '../report/tables.js';
import type { NotMeasured, ServerFacts } from '../subjects/subject.js';
import type { PointFigures, SeriesFigures } from './measure-series.js';
import { rolesOf, type SeriesName } from './series.js';

export interface GrowthReport {
  /** Raised whenever a reader of an older file would misread a newer one. */
  readonly format: 2;
  /** Time of the run in ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  /** The command that repeats the run. */
  readonly command: string;
  /** All options that were in effect, the defaults included. */
  readonly options: ToolFacts & GrowthOptions;
  readonly servers: readonly ServerFacts[];
  readonly noise: number | null;
  readonly series: readonly SeriesFigures[];
  readonly notMeasured: readonly NotMeasured[];
}

export function growthMarkdown(report: GrowthReport): string {
  const sections = [
    heading(report),
    ...report.series.map(seriesTable),
    ...versions(report),
    ...missing(report),
  ];
  return `${sections.join('\n\n')}\n`;
}

function heading({ date, machine, command, options, noise }: GrowthReport): string {
  const { cpu, cores, kernel, node, commit } = machine;
  const { rounds, duration, sharding, workers, connections } = options;
  return `# Growth, ${date}

\`${command}\`

${cpu}, ${cores} cores shared with the load tool, Linux ${kernel}, Node ${node}, commit ${commit ?? 'unknown'};
${toolText(options)}, ${rounds} rounds of ${duration} s, ${sharding}; ${workers} workers and ${connections} connections where they do not grow.
Median (min..max) of the calm rounds. Ratios are of CPU time per request in the same round; ${
    noise === null ? 'the noise is unknown' : `a distance from 1 of up to ${percent(noise)} is noise`
  }.`;
}

/** After a load its connections are closed, so a memory by connections would say nothing of them. */
const showsMemory = (name: SeriesName): boolean => name !== 'connections';

function seriesTable({ name, title, points }: SeriesFigures): string {
  const head = ['', 'CPU, us/request', 'raw, us/request', 'to raw', 'raw again to raw', 'requests/s'];
  if (showsMemory(name)) head.push('PSS after the load, MiB');
  const rows = points.map(
    (point) => rowOf(point, showsMemory(name)) ?? [point.label, ...head.slice(1).map(() => '-')],
  );
  const marks = points.flatMap(({ figures }) =>
    figures === undefined ? [] : [failureMark(figures.ours, figures.control), saturationMark(figures.ours)],
  );
  return `## ${title}\n\n${table(head, rows)}${notesOn(marks)}`;
}

function rowOf({ label, figures }: PointFigures, withMemory: boolean): string[] | undefined {
  if (figures === undefined) return undefined;
  const { ours, control, double } = figures;
  return [
    label,
    range(ours.cpuUs, 2),
    range(control.cpuUs, 2),
    `${range(ours.ratio, 2)}${failureMark(ours, control)}`,
    `${range(double.ratio, 2)}${failureMark(double, control)}`,
    `${range(ours.perSecond, 0)}${saturationMark(ours)}`,
    ...(withMemory ? [ours.pssMiB.median.toFixed(0)] : []),
  ];
}

/** One chart for each series. */
export const growthCharts = (series: readonly SeriesFigures[]): ChartFile[] =>
  series.map(({ name, title, points }) => {
    const bars = points.flatMap(({ label, figures }) => {
      if (figures === undefined) return [];
      const { ours, control } = figures;
      const text = `${ours.cpuUs.median.toFixed(2)} (${ours.ratio.median.toFixed(2)}x${failureMark(ours, control)})`;
      return [
        { label, value: ours.cpuUs, text, colour: 'ours' as const },
        {
          label: rolesOf(label).baseline,
          value: control.cpuUs,
          text: control.cpuUs.median.toFixed(2),
          colour: 'control' as const,
        },
      ];
    });
    const svg = chart(`CPU time of the server per request, us (ratio to raw): ${title}`, bars);
    return { name: `${name}.svg`, svg };
  });
