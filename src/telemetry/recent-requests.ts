// The recent requests of a worker, by their routes, as the log and the admin plane show them.
import type { Block } from '../memory/block.js';
import type { Clock } from '../memory/clock.js';
import { type Flight, readFlights } from '../memory/flight-recorder.js';
import type { SeriesMemory } from '../memory/metrics/series-memory.js';
import { type RouteName, type RouteNames, rowBudget } from '../memory/route-names.js';
import { ownTurn } from './pace.js';

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

export interface NamedRequestMemory extends FlightRecordMemory {
  readonly names: RouteNames;
}

/** The requests of the thread in a slot: first those in flight, then those that have ended, newest first. */
export const recentFlights = (
  { block, clock }: FlightRecordMemory,
  slot: number,
  most = Number.POSITIVE_INFINITY,
): readonly Flight[] => readFlights(block, slot, clock()).slice(0, most);

/**
 * Reads the names of all routes of a slot. They are far too many for one turn when there are thousands.
 * @returns undefined when they have all been read now
 */
export function learnRoutes({ names, series }: NamedRequestMemory, slot: number): Promise<void> | undefined {
  const memory = series.of(slot);
  return names.readOn(memory) ? undefined : readInTurns(() => names.readOn(memory));
}

async function readInTurns(readOn: () => boolean): Promise<void> {
  do await ownTurn();
  while (!readOn());
}

/** The flights as they are shown. Call `learnRoutes` before: a route that has no name yet is not shown. */
export function withRoutes(
  { names, series }: NamedRequestMemory,
  slot: number,
  flights: readonly Flight[],
): readonly RecentRequest[] {
  const memory = series.of(slot);
  const budget = rowBudget();
  return flights.map((flight) => shown(flight, names.of(memory, flight.route, budget)));
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
