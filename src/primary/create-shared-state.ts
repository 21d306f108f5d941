// The shared memory of the process, with the cells that the primary itself reads and writes.
import type { Logger } from 'pino';
import type { Settings } from '../config.js';
import { Block } from '../memory/block.js';
import { BreakerCells } from '../memory/breaker/breaker-cell.js';
import { NamedBreakers } from '../memory/breaker/named-breakers.js';
import { type Clock, sharedClock } from '../memory/clock.js';
import { EjectionCells } from '../memory/ejection-cells.js';
import { EndpointCells } from '../memory/endpoint-cells.js';
import { RATE_BUCKETS } from '../memory/layout.js';
import type { Recorder } from '../memory/metrics/recorder.js';
import { SeriesTable } from '../memory/metrics/series.js';
import { SeriesMemory } from '../memory/metrics/series-memory.js';
import { RouteNames } from '../memory/route-names.js';
import { SpanMemory } from '../memory/span-ring.js';
import { Switches } from '../memory/switches.js';
import { ejectionRule } from '../resilience/ejection.js';
import { tripRule } from '../resilience/trip-rules.js';
import { type BreakerBoard, breakerBoard } from '../upstream/breaker-board.js';
import { namedBreakerOwner } from '../upstream/breaker-owners.js';
import { forgettingBreakers } from '../upstream/outliers.js';
import { type EndpointOfSlot, logTransitions } from '../upstream/transition-log.js';

export interface SharedState {
  readonly block: Block;
  readonly clock: Clock;
  /** Metric series of all threads. */
  readonly series: SeriesMemory;
  /** The names of the routes that workers have numbered, as far as this thread has read them. */
  readonly names: RouteNames;
  /** The latest spans of all threads. */
  readonly spans: SpanMemory;
  readonly recorder: Recorder;
  readonly switches: Switches;
  /** Load of the endpoints. */
  readonly load: EndpointCells;
  /** Breakers of the endpoints. */
  readonly breakers: BreakerCells;
  /** Breakers of services, by name. */
  readonly named: NamedBreakers;
  /** All breakers, for operators. */
  readonly board: BreakerBoard;
  readonly ejections: EjectionCells;
}

/**
 * @param rows the number of rows for worker threads
 * @param endpointAt returns the endpoint of a row of the endpoint tables, for the log
 */
export function createSharedState(
  settings: Pick<Settings, 'breakerOpenMs' | 'slowCallMs' | 'ejectionMs'>,
  rows: number,
  log: Pick<Logger, 'info' | 'warn'>,
  endpointAt: EndpointOfSlot,
): SharedState {
  const { breakerOpenMs: openMs, slowCallMs, ejectionMs } = settings;
  const block = Block.create({ workers: rows, rateBuckets: RATE_BUCKETS });
  const series = new SeriesMemory();
  const clock = sharedClock(block);
  const named = new NamedBreakers(block);
  const events = logTransitions(log, (slot) => namedBreakerOwner(named.nameOf(slot)) ?? endpointAt(slot));
  const breakers = new BreakerCells(block, 0, tripRule({ openMs, slowCallMs }), clock, events.breaker);
  return {
    block,
    clock,
    series,
    names: new RouteNames(),
    spans: new SpanMemory(rows),
    recorder: new SeriesTable(series.of(0)),
    switches: new Switches(block),
    load: new EndpointCells(block, 0, clock),
    breakers,
    named,
    board: breakerBoard({ block, clock, endpoints: breakers, onTransition: events.breaker }),
    ejections: new EjectionCells(
      block,
      ejectionRule(ejectionMs),
      clock,
      forgettingBreakers(breakers, events),
    ),
  };
}
