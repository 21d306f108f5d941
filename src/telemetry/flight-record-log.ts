// Logs the recent requests of a worker that has failed or stalled (its flight record), as one line.
import type { Logger } from 'pino';
import type { Block } from '../memory/block.js';
import type { Clock } from '../memory/clock.js';
import { type Flight, readFlights } from '../memory/flight-recorder.js';
import type { SeriesMemory } from '../memory/metrics/series-memory.js';
import { type RouteName, readRoutes } from '../memory/route-names.js';
import { readWorker } from '../memory/worker-row.js';

/** A log line is read by people, and some collectors cut it at 16 KiB. */
const MOST_REQUESTS = 32;

export interface FlightRecordMemory {
  readonly block: Block;
  readonly clock: Clock;
  readonly series: SeriesMemory;
}

/** The thread whose requests are logged. */
export interface RecordedThread {
  readonly worker: number;
  readonly generation: number;
  readonly slot: number;
}

/** One request of the line. */
interface LoggedRequest {
  readonly method: string;
  /**
   * The pattern of its route; null when no route matched, or the route has no number of its own
   * (OTHER_ROUTES).
   */
  readonly route: string | null;
  /** null while there is no response. */
  readonly status: number | null;
  /** Milliseconds since it began. */
  readonly ageMs: number;
  readonly durationMs: number | null;
}

/**
 * @returns a function to be called as soon as a worker has failed or stalled, before anything is done about
 *   it: what is done may change the record
 */
export function flightRecordLog(
  { block, clock, series }: FlightRecordMemory,
  log: Pick<Logger, 'warn'>,
): (thread: RecordedThread, reason: string) => void {
  const logged = ({ ageMs, ended }: Flight, route: RouteName | undefined): LoggedRequest => {
    const { method, template } = route ?? { method: '_OTHER', template: '' };
    return {
      method,
      route: template === '' ? null : template,
      status: ended?.status ?? null,
      ageMs,
      durationMs: ended === undefined ? null : ended.microseconds / 1000,
    };
  };
  return ({ worker, generation, slot }, reason) => {
    const flights = readFlights(block, slot, clock());
    if (flights.length === 0) return;
    const { inFlight } = readWorker(block, slot);
    const routes = readRoutes(series.of(slot));
    const requests = flights.slice(0, MOST_REQUESTS).map((one) => logged(one, routes.get(one.route)));
    log.warn(
      { worker, generation, reason, inFlight, requests },
      `recent requests of worker ${worker} (flight record)`,
    );
  };
}
