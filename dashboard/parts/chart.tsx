// Charts over time, drawn by uPlot.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { plain } from '../core/format.js';
import { useSignal } from '../core/signal.js';
import { colour, shownTheme } from '../core/theme.js';
import { axisLook, followWidth, widthOf } from './plot.js';

export interface Line {
  readonly name: string;
  /** A colour of the style sheet. */
  readonly colour: string;
  readonly isFilled?: boolean;
}

interface ChartProps {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Times in seconds, and the values of each line. */
  readonly columns: readonly (readonly (number | null)[])[];
  readonly format: (value: number | null) => string;
  /** The least upper end of the scale, so that noise does not fill the chart. */
  readonly least?: number;
}

const HEIGHT = 156;

export function Chart({ title, lines, columns, format, least = 1 }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const chosen = useSignal(shownTheme);
  useEffect(() => {
    const element = box.current!;
    const made = new uPlot(optionsOf(widthOf(element), lines, format, least), dataOf(columns), element);
    plot.current = made;
    const unfollow = followWidth(element, (width) => made.setSize({ width, height: HEIGHT }));
    return () => {
      unfollow();
      made.destroy();
      plot.current = null;
    };
  }, [chosen]);
  useEffect(() => plot.current?.setData(dataOf(columns)));
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="legend">
          {lines.map(({ name, colour: ink }, index) => (
            <span key={name}>
              <span class={`swatch ink-${ink}`} aria-hidden="true" />
              {plain(name)} <b>{format(columns[index + 1]?.at(-1) ?? null)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={box} class="chart-box" aria-hidden="true" />
    </figure>
  );
}

const dataOf = (columns: ChartProps['columns']): uPlot.AlignedData =>
  columns.map((column) => [...column]) as unknown as uPlot.AlignedData;

function optionsOf(
  width: number,
  lines: readonly Line[],
  format: ChartProps['format'],
  least: number,
): uPlot.Options {
  const axis = axisLook();
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 5 } },
    padding: [8, 24, 0, 0],
    scales: { y: { range: (_, __, max) => [0, Math.max(least, max * 1.1)] } },
    axes: [
      { ...axis, size: 28, space: 90, values: '{HH}:{mm}:{ss}' },
      { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => format(tick)) },
    ],
    series: [
      {},
      ...lines.map(({ name, colour: ink, isFilled = false }) => ({
        label: name,
        stroke: colour(ink),
        width: 1.5,
        points: { show: false },
        ...(isFilled ? { fill: `${colour(ink)}22` } : {}),
      })),
    ],
  };
}
