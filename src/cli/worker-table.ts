// The table of workers that `ps` and `top` print.
import { tableOf } from './output.js';
import type { View } from './plane-views.js';

const HEAD = [
  'WORKER',
  'KIND',
  'GEN',
  'STATE',
  'UP',
  'CONN',
  'IN FLIGHT',
  'REQUESTS',
  'LOOP %',
  'P99 MS',
  'HEAP MB',
  'NOW',
];

export function workerTable(workers: View<'workers'>, now: number): readonly string[] {
  return tableOf(
    HEAD,
    workers.map((worker) => [
      worker.id,
      worker.kind ?? 'http',
      worker.generation,
      worker.state,
      worker.startedAt === null ? '-' : durationOf(now - Date.parse(worker.startedAt)),
      worker.connections,
      worker.inFlight,
      worker.requests,
      Math.round(worker.loopUtilization * 100),
      worker.loopDelayP99Ms,
      worker.heapUsedMb,
      worker.current === null
        ? '-'
        : `${worker.current.route ?? '(unknown route)'} ${worker.current.sinceMs} ms`,
    ]),
  );
}

/** A duration in its two largest units: `3d 4h`, `5m 0s`, `12s`; `-` for a value that is not finite. */
export function durationOf(ms: number): string {
  if (!Number.isFinite(ms)) return '-';
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  const shown = first === -1 ? parts.slice(-1) : parts.slice(first, first + 2);
  return shown.map(([count, unit]) => `${count}${unit}`).join(' ');
}
