// The tables of what the simulator shows. docs/resilience.md and docs/scaling.md have them for the seed 1.

import { PICKERS } from './calls/pickers.js';
import { type CallResult, play, withPicker } from './calls/play.js';
import { BROKEN, type Story, slowHalf, slowPair, steady } from './calls/stories.js';
import { FAULTS } from './membership/faults.js';
import { KINDS } from './membership/member.js';
import { playCluster } from './membership/play-cluster.js';

/** Hours of each cluster of the table. */
const HOURS = 50;

type Row = readonly string[];

const tableOf = (head: Row, rows: readonly Row[]): string =>
  [head, head.map((_, n) => (n === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');

const ms = (value: number): string => value.toFixed(0);
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** Latency and spread of every picker. */
export async function pickerTable(seed: number): Promise<string> {
  const rows: Row[] = [];
  for (const story of [steady, slowPair, slowHalf])
    for (const picker of Object.keys(PICKERS)) rows.push(await pickerRow(story, picker, seed));
  return tableOf(['instances', 'picker', 'p50, ms', 'p99, ms', 'max/mean load', 'failed'], rows);
}

export async function pickerRow(story: Story, picker: string, seed: number): Promise<Row> {
  const { p50Ms, p99Ms, spread, failed } = await play(story, seed, withPicker(picker));
  return [story.name, picker, ms(p50Ms), ms(p99Ms), spread.toFixed(2), percent(failed)];
}

/** The time until an instance that is broken is ejected. */
export async function ejectionTable(seed: number): Promise<string> {
  const rows: Row[] = [];
  for (const story of BROKEN) rows.push(ejectionRow(await play(story, seed)));
  return tableOf(['one of three is', 'ejected after, ms', 'calls', 'failed'], rows);
}

export const ejectionRow = ({ story, calls, failed, ejectedMs }: CallResult): Row => [
  story.replace('one of three ', ''),
  ms(ejectedMs),
  String(calls),
  percent(failed),
];

/** The time until all processes know all instances after a fault. */
export async function clusterTable(seed: number): Promise<string> {
  const played: Readonly<Record<string, number>>[] = [];
  for (const kind of KINDS) played.push((await playCluster({ seed, kind, hours: HOURS })).worstMs);
  const rows = [...FAULTS.map(({ name }) => name), 'two at once'].map((name) => [
    name,
    ...played.map((worstMs) => ms(worstMs[name]!)),
  ]);
  return tableOf(['fault', ...KINDS.map(({ name }) => `${name}, ms`)], rows);
}
