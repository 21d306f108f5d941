// What the views of the admin plane are made from. The wiring of the primary provides it; tests provide what
// they need of it.

import type { ShownSetting } from '../../config/print.js';
import type { BreakerControl } from '../../resilience/breaker-contract.js';
import type { Readiness, WorkerView } from '../telemetry-routes.js';
import type { CpuPoolReading, CpuShares } from './cpu-view.js';
import type { Fleet } from './fleet.js';
import type { ProcessFacts } from './overview.js';
import type { ProblemFacts, Switched } from './problem-facts.js';
import type { KnownRoute } from './route-candidates.js';
import type { SaturationFacts } from './saturation.js';
import type { TrafficWatch } from './traffic-watch.js';

export interface ViewSources {
  readonly traffic: Pick<TrafficWatch, 'look' | 'lookAtOnce'>;
  readonly process: ProcessFacts;
  readonly uptimeS: () => number;
  /** The wall clock in milliseconds, for times that are shown. */
  readonly wallClock: () => number;
  /** Milliseconds of the shared clock. */
  readonly clock: () => number;
  readonly readiness: () => Readiness;
  readonly workers: () => readonly WorkerView[];
  readonly statuses: () => ProblemFacts['statuses'];
  readonly saturation: () => SaturationFacts;
  readonly lookAtFleet: () => Promise<Fleet>;
  readonly breakers: Pick<BreakerControl, 'transitions'>;
  readonly database: () => ProblemFacts['database'];
  readonly cpu: CpuPoolReading;
  /** undefined: not measured. */
  readonly cpuShares?: (() => CpuShares) | undefined;
  /** What is wrong with the shared registry; undefined: nothing, or none is shared. */
  readonly registryOutage: () => string | undefined;
  readonly routes: () => readonly (KnownRoute & Pick<Switched, 'since' | 'reason'>)[];
  /**
   * The template of a route, from its path as it was declared or its template; undefined: no worker has the
   * route.
   */
  readonly templateOf: (method: string, route: string) => string | undefined;
  /**
   * Requests in flight, by `METHOD template`; null for a route whose requests are not counted alone. A route
   * that workers have and that is not in it has none.
   */
  readonly routesInFlight: () => Promise<ReadonlyMap<string, number | null>>;
  readonly logLevel: () => ProblemFacts['logLevel'];
  /** Counts sagas that need an operator, up to `most`. */
  readonly countSagas: (most: number) => Promise<number>;
  /** Services that are mounted in this process. */
  readonly mounted: ReadonlySet<string>;
  /** The address of the data plane; undefined until it is known. */
  readonly dataPlane: () => string | undefined;
  readonly settings: readonly ShownSetting[];
}
