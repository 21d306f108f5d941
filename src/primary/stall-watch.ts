// Starts the handling of stalled workers (cluster/stall-ladder.ts) with what it needs: heartbeats from shared
// memory, the threads of the workers, and a counter of stalls for each route.

import { url as debuggerUrl } from 'node:inspector';
import type { Logger } from 'pino';
import type { AllWorkers } from '../cluster/all-workers.js';
import { StallLadder } from '../cluster/stall-ladder.js';
import type { Settings } from '../config.js';
import type { Every } from '../grouped-interval.js';
import { heartbeats } from '../memory/worker-row.js';
import type { flightRecordLog } from '../telemetry/flight-record-log.js';
import type { SharedState } from './create-shared-state.js';

export interface StallWatchOptions {
  readonly settings: Pick<Settings, 'stallMs' | 'drainMs'>;
  readonly sharedState: Pick<SharedState, 'block' | 'recorder'>;
  readonly workers: Pick<AllWorkers, 'threads'>;
  readonly log: Logger;
  readonly every: Every;
  readonly logFlightRecord: ReturnType<typeof flightRecordLog>;
}

/** @returns a function that stops the watch */
export function watchStalls(options: StallWatchOptions): () => void {
  const { settings, sharedState, workers, log, every, logFlightRecord } = options;
  const { block, recorder } = sharedState;
  const ladder = new StallLadder({
    ...settings,
    log,
    every,
    // No worker is watched while a debugger can be attached, because a thread at a breakpoint is not stalled.
    threads: () => (debuggerUrl() === undefined ? workers.threads : []),
    logFlightRecord,
    heartbeat: heartbeats(block),
    stalled: (_thread, route = '') => recorder.counter('multilane_handler_stalls_total', { route }).add(),
  });
  return () => ladder.stop();
}
