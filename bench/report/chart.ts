// Draws the CPU time per request as horizontal bars with their range, in plain SVG.
import type { Report } from './report.js';

const WIDTH = 760;
const LABEL = 250;
const ROW = 26;
const TOP = 44;
const SPACE = 90;

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

export function chart({ results, date }: Report): string {
  const longest = Math.max(...results.map((result) => result.cpuUs.max));
  const x = (us: number): number => Math.round((us / longest) * (WIDTH - LABEL - SPACE));
  const bars = results.map(({ scenario, server, cpuUs, ratio }, index) => {
    const y = TOP + index * ROW;
    const fill = server.startsWith('raw') ? '#8a94a6' : '#2f6fde';
    const middle = y + ROW / 2 - 3;
    return [
      `<text x="${LABEL - 8}" y="${middle + 4}" text-anchor="end">${escapeXml(`${scenario}: ${server}`)}</text>`,
      `<rect x="${LABEL}" y="${y}" width="${x(cpuUs.median)}" height="${ROW - 6}" fill="${fill}"/>`,
      `<line x1="${LABEL + x(cpuUs.min)}" x2="${LABEL + x(cpuUs.max)}" y1="${middle}" y2="${middle}" stroke="#111"/>`,
      `<text x="${LABEL + x(cpuUs.max) + 6}" y="${middle + 4}">${cpuUs.median.toFixed(1)} (${ratio.median.toFixed(2)}x)</text>`,
    ].join('\n');
  });
  const height = TOP + results.length * ROW + 10;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="24" font-size="15">CPU time of the server per request, us: median, range, ratio to raw (${escapeXml(date)})</text>
${bars.join('\n')}
</svg>
`;
}
