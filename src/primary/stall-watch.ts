// The stall ladder with what it needs from the rest: heartbeats and route names from shared memory, a
// counter.
import { url as debuggerUrl } from 'node:inspector';
import type { Logger } from 'pino';
import { StallLadder } from '../cluster/stall-ladder.js';
import type { Supervisor } from '../cluster/supervisor.js';
import type { Settings } from '../config.js';
import { readHeartbeat } from '../memory/worker-row.js';
import type { flightRecordLog } from '../telemetry/flight-record-log.js';
import type { SharedState } from './shared-state.js';

export interface StallParts {
  readonly settings: Pick<Settings, 'stallMs' | 'drainMs'>;
  readonly sharedState: Pick<SharedState, 'block' | 'recorder'>;
  readonly supervisor: Pick<Supervisor, 'threads'>;
  readonly log: Logger;
  readonly dumpFlights: ReturnType<typeof flightRecordLog>;
}

/** @returns how to stop it */
export function watchStalls({ settings, sharedState, supervisor, log, dumpFlights }: StallParts): () => void {
  const { block, recorder } = sharedState;
  const ladder = new StallLadder({
    ...settings,
    log,
    // While a debugger can attach nobody is watched: a breakpoint is no stall.
    threads: () => (debuggerUrl() === undefined ? supervisor.threads : []),
    dumpFlights,
    heartbeat: (slot) => readHeartbeat(block, slot),
    stalled: (_thread, route = '') => recorder.counter('multilane_handler_stalls_total', { route }).add(),
  });
  return () => ladder.stop();
}
