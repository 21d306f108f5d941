// The histogram of the durations of a route, drawn by uPlot over the ranges of its cells.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { count, counted, ms } from '../core/format.js';
import { useSignal } from '../core/signal.js';
import { colour, shownTheme } from '../core/theme.js';
import { axisLook, followWidth, widthOf } from './plot.js';

interface BarsProps {
  readonly title: string;
  /** The upper edges of the cells, in milliseconds; the last cell has none. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

const HEIGHT = 190;

/** The cells from the first to the last that has a count, and one beside each. */
export function shownCells(counts: readonly number[]): readonly [first: number, end: number] {
  const first = counts.findIndex((one) => one > 0);
  if (first < 0) return [0, 0];
  const last = counts.findLastIndex((one) => one > 0);
  return [Math.max(0, first - 1), Math.min(counts.length, last + 2)];
}

export function rangeOf(edges: readonly number[], cell: number): string {
  if (cell >= edges.length) return `over ${ms(edges.at(-1) ?? 0)}`;
  return cell === 0 ? `up to ${ms(edges[0])}` : `${ms(edges[cell - 1])} to ${ms(edges[cell])}`;
}

export function Bars({ title, edges, counts }: BarsProps) {
  const box = useRef<HTMLDivElement>(null);
  const chosen = useSignal(shownTheme);
  const [first, end] = shownCells(counts);
  const shown = counts.slice(first, end);
  useEffect(() => {
    const element = box.current!;
    const numbers = shown.map((_, index) => index);
    const label = (cell: number): string =>
      first + cell < edges.length ? ms(edges[first + cell]) : `> ${ms(edges.at(-1) ?? 0)}`;
    const plot = new uPlot(optionsOf(widthOf(element), shown.length, label), [numbers, shown], element);
    const unfollow = followWidth(element, (width) => plot.setSize({ width, height: HEIGHT }));
    return () => {
      unfollow();
      plot.destroy();
    };
  }, [chosen, shown.join(), first]);
  const most = counts.indexOf(Math.max(...counts, 0));
  const all = counts.reduce((sum, one) => sum + one, 0);
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="legend">
          {all === 0 ? 'no requests' : `${counted(all, 'request')}, most often ${rangeOf(edges, most)}`}
        </span>
      </figcaption>
      <div ref={box} class="chart-box" aria-hidden="true" />
    </figure>
  );
}

function optionsOf(width: number, cells: number, label: (cell: number) => string): uPlot.Options {
  const axis = axisLook();
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 8, 0, 0],
    scales: {
      x: { time: false, range: [-0.5, Math.max(0.5, cells - 0.5)] },
      y: { range: (_, __, max) => [0, Math.max(4, max * 1.1)] },
    },
    axes: [
      {
        ...axis,
        size: 28,
        grid: { show: false },
        space: 56,
        incrs: [1, 2, 5, 10, 20, 50],
        values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? label(tick) : '')),
      },
      { ...axis, size: 48, values: (_, ticks) => ticks.map((tick) => count(tick)) },
    ],
    series: [
      {},
      {
        stroke: colour('blue'),
        fill: `${colour('blue')}99`,
        width: 1,
        points: { show: false },
        paths: uPlot.paths.bars!({ size: [0.86, 60] }),
      },
    ],
  };
}
