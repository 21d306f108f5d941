// What a worker was doing when it got into trouble: its flight recorder, as one line of the log.
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

export interface Recorded {
  readonly worker: number;
  readonly generation: number;
  readonly slot: number;
}

/** One request of the line. */
interface Shown {
  readonly method: string;
  /** Its template; null when no route matched, or it has no number. */
  readonly route: string | null;
  /** null: not answered yet. */
  readonly status: number | null;
  /** Since it began. */
  readonly ageMs: number;
  readonly durationMs: number | null;
}

/** @returns what to call as soon as a worker is in trouble, before anything is done about it */
export function flightRecordLog(
  { block, clock, series }: FlightRecordMemory,
  log: Pick<Logger, 'warn'>,
): (thread: Recorded, reason: string) => void {
  const shown = ({ ageMs, ended }: Flight, route: RouteName | undefined): Shown => {
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
    const requests = flights.slice(0, MOST_REQUESTS).map((one) => shown(one, routes.get(one.route)));
    log.warn({ worker, generation, reason, inFlight, requests }, 'what the worker was doing');
  };
}
