// Logs the recent requests of a worker that has failed or stalled (its flight record), as one line.
import type { Logger } from 'pino';
import { readWorker } from '../memory/worker-row.js';
import { type FlightRecordMemory, recentRequests } from './recent-requests.js';

/** A log line is read by people, and some collectors cut it at 16 KiB. */
const MOST_REQUESTS = 32;

/** The thread whose requests are logged. */
export interface RecordedThread {
  readonly worker: number;
  readonly generation: number;
  readonly slot: number;
}

/**
 * @returns a function to be called as soon as a worker has failed or stalled, before anything is done about
 *   it: what is done may change the record
 */
export function flightRecordLog(
  memory: FlightRecordMemory,
  log: Pick<Logger, 'warn'>,
): (thread: RecordedThread, reason: string) => void {
  return ({ worker, generation, slot }, reason) => {
    const requests = recentRequests(memory, slot, MOST_REQUESTS);
    if (requests.length === 0) return;
    const { inFlight } = readWorker(memory.block, slot);
    log.warn(
      { worker, generation, reason, inFlight, requests },
      `recent requests of worker ${worker} (flight record)`,
    );
  };
}
