import type { ChaosReport } from './chaos.js';

const SHOWN = 20;

/** The report of a run for people. */
export function reportOf(report: ChaosReport): string {
  const { seed, seconds, requests, verdicts, faults, longestGapMs, samePid, broken } = report;
  const counted = (title: string, counts: ReadonlyMap<string, number>): [string, string][] =>
    [...counts].map(([name, count], index) => [index === 0 ? title : '', `${count} ${name}`]);
  const rows: [string, string][] = [
    ['seed', String(seed)],
    ['seconds', String(seconds)],
    ...counted('faults', faults),
    ['requests', String(requests)],
    ...counted('explained', verdicts),
    ['recoveries', spread(report.recoveries)],
    ['outages', spread(report.outages)],
    ['longest gap', shownMs(longestGapMs)],
    ['same pid', samePid ? 'yes' : 'no'],
    ['unexplained', String(broken.length)],
  ];
  const lines = rows.map(([name, value]) => `${name.padEnd(12)} ${value}`);
  const more = broken.length > SHOWN ? [`… and ${broken.length - SHOWN} more`] : [];
  const log = report.logFile === undefined ? [] : [`log: ${report.logFile}`];
  return [...lines, ...broken.slice(0, SHOWN), ...more, ...log].join('\n');
}

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  return `${sorted.length}, p50 ${shownMs(median)}, max ${shownMs(sorted.at(-1))}`;
}

const shownMs = (ms: number | undefined): string => (ms === undefined ? '-' : `${Math.round(ms)} ms`);
