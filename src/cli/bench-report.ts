// What `multilane bench` prints of a measurement: lines for people, or JSON for programs.
import { filled } from '../config/print.js';
import { counted } from '../counted.js';
import { CLOSED, type LoadResult } from './load-generator.js';
import type { LoadOptions } from './load-messages.js';
import { tableOf } from './output.js';

export interface Measurement {
  readonly load: LoadOptions;
  /** Whether the URL is of this machine. */
  readonly isLocal: boolean;
  readonly result: LoadResult;
  /** CPU time per request in microseconds; undefined: unknown. */
  readonly cpuUs: number | undefined;
}

/** What to do about failures that end a measurement. */
const ADVICE: Readonly<Record<string, string>> = {
  EMFILE: 'open fewer connections, or raise the limit of open files with ulimit -n',
  [CLOSED]:
    'the server closes connections before or within a response; does the URL have the right scheme and port?',
  EPROTO: 'the server does not speak TLS at this port; is the URL of http://?',
  EADDRNOTAVAIL: 'this machine has no free port for another connection; the server may close each of them',
};

export function benchNotes({ load, isLocal, result, cpuUs }: Measurement): readonly string[] {
  return [
    ...(result.cutOff === undefined
      ? []
      : [
          `The load generator ${result.cutOff}, and was stopped: the numbers are of full seconds until then, and latency and status codes are unknown.`,
        ]),
    ...Object.keys(result.errorCodes).flatMap((code) =>
      ADVICE[code] === undefined ? [] : [`${code}: ${ADVICE[code]}.`],
    ),
    ...(isLocal
      ? [
          'The load generator runs on the same machine and takes CPU time from the server: a measurement of its own needs another machine.',
        ]
      : []),
    ...silenceNotes(load, result),
    ...(result.errors > 0 ? ['Requests have failed, so the numbers describe no healthy server.'] : []),
    ...(isLocal && cpuUs === undefined
      ? [
          'CPU per request is unknown: no admin plane of the process that serves the URL could be read; name it with --admin URL.',
        ]
      : []),
  ];
}

function silenceNotes(
  { connections }: LoadOptions,
  { requests, errors, errorCodes, silentConnections }: LoadResult,
): readonly string[] {
  if (requests === 0) {
    if (errors === 0)
      return [
        'There was no response, and no connection has failed: the server sends nothing, or accepts no connections.',
      ];
    return [
      errorCodes[CLOSED] === undefined
        ? 'There was no response: does the server run?'
        : 'There was no response.',
    ];
  }
  if (silentConnections === 0) return [];
  return [
    `${silentConnections} of ${counted(connections, 'connection')} received no response: the server may have reached its limit of connections or open files.`,
  ];
}

export const benchJson = (
  { url, method, connections, pipelining }: LoadOptions,
  { latencyMs, cutOff, ...result }: LoadResult,
  cpuUs: number | undefined,
  notes: readonly string[],
): object => ({
  ...{ url, method, connections, pipelining },
  ...result,
  latencyMs: latencyMs ?? null,
  isComplete: cutOff === undefined,
  cpuPerRequestUs: cpuUs ?? null,
  notes,
});

export function benchLines(
  { method, url }: LoadOptions,
  result: LoadResult,
  cpuUs: number | undefined,
  notes: readonly string[],
): readonly string[] {
  const { latencyMs } = result;
  const [, ...rows] = tableOf(
    ['', ''],
    [
      ['requests/s', String(Math.round(result.requestsPerSecond))],
      ['requests', `${result.requests} in ${result.durationS} s`],
      [
        'latency',
        latencyMs === undefined
          ? '-'
          : `p50 ${latencyMs.p50} ms, p90 ${latencyMs.p90} ms, p99 ${latencyMs.p99} ms, max ${latencyMs.max} ms`,
      ],
      ['status codes', listed(result.statusCodes) || '-'],
      ['errors', errorsText(result)],
      ...(cpuUs === undefined ? [] : [['CPU per request', `${Math.round(cpuUs)} µs of the whole process`]]),
    ],
  );
  return [
    `${method} ${url}`,
    ...rows.map((row) => `  ${row}`),
    '',
    ...notes.flatMap((note) => filled(note, '').split('\n')),
  ];
}

function errorsText({ errors, timeouts, errorCodes }: LoadResult): string {
  const codes = listed(errorCodes);
  return `${errors}, of which ${timeouts} timeouts${codes === '' ? '' : ` (${codes})`}`;
}

const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ');
