// The recent requests of a worker, by their routes, as the log and the admin plane show them.
import type { Block } from '../memory/block.js';
import type { Clock } from '../memory/clock.js';
import { type Flight, readFlights } from '../memory/flight-recorder.js';
import type { SeriesMemory } from '../memory/metrics/series-memory.js';
import { type RouteName, readRoutes } from '../memory/route-names.js';

export interface FlightRecordMemory {
  readonly block: Block;
  readonly clock: Clock;
  readonly series: SeriesMemory;
}

export interface RecentRequest {
  readonly method: string;
  /**
   * The pattern of its route; null when no route matched, or the route has no number of its own
   * (OTHER_ROUTES).
   */
  readonly route: string | null;
  /** `x-request-id`; null for a gRPC call that ended before its request was whole. */
  readonly requestId: string | null;
  /** null while there is no response. */
  readonly status: number | null;
  /** Milliseconds since it began. */
  readonly ageMs: number;
  readonly durationMs: number | null;
}

/** The requests of the thread in a slot: first those in flight, then those that have ended, newest first. */
export function recentRequests(
  { block, clock, series }: FlightRecordMemory,
  slot: number,
  most = Number.POSITIVE_INFINITY,
): readonly RecentRequest[] {
  const flights = readFlights(block, slot, clock());
  if (flights.length === 0) return [];
  const routes = readRoutes(series.of(slot));
  return flights.slice(0, most).map((flight) => shown(flight, routes.get(flight.route)));
}

function shown({ ageMs, requestId, ended }: Flight, route: RouteName | undefined): RecentRequest {
  const { method, template } = route ?? { method: '_OTHER', template: '' };
  return {
    method,
    route: template === '' ? null : template,
    requestId: requestId ?? null,
    status: ended?.status ?? null,
    ageMs,
    durationMs: ended === undefined ? null : ended.microseconds / 1000,
  };
}
