// The charts of a report: one for each shape, and those of start and memory.
import { SHAPES } from '../shapes/shapes.js';
import { type Bar, type Colour, chart } from './chart.js';
import type { Report } from './report.js';

export interface ChartFile {
  readonly name: string;
  readonly svg: string;
}

const colourOf = (server: string): Colour => {
  if (server.startsWith('multilane')) return 'ours';
  return server.startsWith('raw') || server === 'C epoll' ? 'control' : 'peer';
};

export function charts(report: Report): ChartFile[] {
  return [...shapeCharts(report), ...startCharts(report)].filter(({ bars }) => bars.length > 0).map(draw);
}

interface Drawing {
  readonly name: string;
  readonly title: string;
  readonly bars: readonly Bar[];
}

const draw = ({ name, title, bars }: Drawing): ChartFile => ({
  name: `${name}.svg`,
  svg: chart(title, bars),
});

function shapeCharts({ results }: Report): Drawing[] {
  return SHAPES.map(({ name }) => ({
    name,
    title: `${name}: CPU time of the server per request, us (ratio to raw)`,
    bars: results
      .filter(({ shape }) => shape === name)
      .map(({ server, fields, cpuUs, ratio }) => ({
        label: fields === 'bare' ? server : `${server}, ${fields}`,
        value: cpuUs,
        text: `${cpuUs.median.toFixed(1)} (${ratio.median.toFixed(2)}x)`,
        colour: colourOf(server),
      })),
  }));
}

function startCharts({ starts, idle }: Report): Drawing[] {
  const bar = (server: string, value: Bar['value'], digits: number): Bar => ({
    label: server,
    value,
    text: value.median.toFixed(digits),
    colour: colourOf(server),
  });
  return [
    {
      name: 'start',
      title: 'From the start of the process to the first 200, ms',
      bars: starts.map(({ server, firstResponseMs }) => bar(server, firstResponseMs, 0)),
    },
    {
      name: 'memory',
      title: 'Memory before the first request, MiB (PSS of all processes)',
      bars: starts.map(({ server, idlePssMiB }) => bar(server, idlePssMiB, 1)),
    },
    {
      name: 'idle-connections',
      title: 'Memory for idle connections, MiB (PSS with them - PSS before)',
      bars: idle.map(({ server, beforeMiB, withMiB }) => {
        const value = withMiB - beforeMiB;
        return bar(server, { median: value, min: value, max: value }, 1);
      }),
    },
  ];
}
