// What all charts share: the look of their axes, and how they follow the width of their box.
import type uPlot from 'uplot';
import { colour } from '../core/theme.js';

const LEAST_WIDTH = 120;

export const widthOf = (box: HTMLElement): number => Math.max(LEAST_WIDTH, box.clientWidth);

export const axisLook = (): uPlot.Axis => ({
  stroke: colour('quiet'),
  grid: { stroke: colour('grid'), width: 1 },
  ticks: { show: false },
  font: '11px system-ui, sans-serif',
});

/** Keeps a chart as wide as its box. @returns ends that */
export function followWidth(box: HTMLElement, resize: (width: number) => void): () => void {
  const resized = new ResizeObserver(() => resize(widthOf(box)));
  resized.observe(box);
  return () => resized.disconnect();
}
