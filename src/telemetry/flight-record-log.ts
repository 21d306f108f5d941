// Logs the recent requests of a worker that has failed or stalled (its flight record), as one line.
import type { Logger } from 'pino';
import { readWorker } from '../memory/worker-row.js';
import { learnRoutes, type NamedRequestMemory, recentFlights, withRoutes } from './recent-requests.js';

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
  memory: NamedRequestMemory,
  log: Pick<Logger, 'warn'>,
): (thread: RecordedThread, reason: string) => void {
  return ({ worker, generation, slot }, reason) => {
    const flights = recentFlights(memory, slot, MOST_REQUESTS);
    if (flights.length === 0) return;
    const { inFlight } = readWorker(memory.block, slot);
    const write = (): void => {
      const requests = withRoutes(memory, slot, flights);
      log.warn(
        { worker, generation, reason, inFlight, requests },
        `recent requests of worker ${worker} (flight record)`,
      );
    };
    const learning = learnRoutes(memory, slot);
    if (learning === undefined) write();
    else void learning.then(write);
  };
}
