// Draws horizontal bars with their range, in plain SVG.
import type { Spread } from '../statistics.js';

const WIDTH = 820;
const LABEL = 250;
const ROW = 26;
const TOP = 44;
const SPACE = 130;

export interface Bar {
  readonly label: string;
  readonly value: Spread;
  /** The text behind the bar. */
  readonly text: string;
  readonly colour: Colour;
}

export type Colour = keyof typeof COLOURS;

const COLOURS = { ours: '#2f6fde', control: '#8a94a6', peer: '#c9cfd8' } as const;

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

export function chart(title: string, bars: readonly Bar[]): string {
  const longest = Math.max(...bars.map(({ value }) => value.max));
  const x = (value: number): number =>
    longest === 0 ? 0 : Math.round((value / longest) * (WIDTH - LABEL - SPACE));
  const rows = bars.map(({ label, value, text, colour }, index) => {
    const y = TOP + index * ROW;
    const middle = y + ROW / 2 - 3;
    return [
      `<text x="${LABEL - 8}" y="${middle + 4}" text-anchor="end">${escapeXml(label)}</text>`,
      `<rect x="${LABEL}" y="${y}" width="${x(value.median)}" height="${ROW - 6}" fill="${COLOURS[colour]}"/>`,
      `<line x1="${LABEL + x(value.min)}" x2="${LABEL + x(value.max)}" y1="${middle}" y2="${middle}" stroke="#111"/>`,
      `<text x="${LABEL + x(value.max) + 6}" y="${middle + 4}">${escapeXml(text)}</text>`,
    ].join('\n');
  });
  const height = TOP + bars.length * ROW + 10;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="24" font-size="15">${escapeXml(title)}</text>
${rows.join('\n')}
</svg>
`;
}
