// The process at one glance: rates, latency, what is used of each limit, and what is wrong.
import type { Readiness } from '../telemetry-routes.js';
import type { Problem } from './problem-facts.js';
import { rate } from './route-list.js';
import type { Saturation } from './saturation.js';
import type { Traffic } from './traffic.js';

/** What does not change while the process runs. */
export interface ProcessFacts {
  /** The name of the process in traces. */
  readonly service: string;
  readonly version: string;
  readonly pid: number;
  /** The version of Node.js. */
  readonly node: string;
  readonly host: string;
  /** The folder of the project, or the working directory where there is none. */
  readonly folder: string;
  /** Milliseconds of the wall clock. */
  readonly startedMs: number;
}

export interface OverviewFacts {
  readonly process: ProcessFacts;
  readonly uptimeS: number;
  readonly wallMs: number;
  readonly readiness: Pick<Readiness, 'ready' | 'reasons'>;
  readonly inFlight: number;
  readonly traffic: Traffic;
  readonly saturation: readonly Saturation[];
  readonly problems: readonly Problem[];
}

export function overviewOf(facts: OverviewFacts) {
  const { process, readiness, traffic, saturation, problems } = facts;
  const { requests, errors } = traffic;
  const { startedMs, ...known } = process;
  return {
    at: new Date(facts.wallMs).toISOString(),
    process: {
      ...known,
      // It may be in the future after the clock was set back.
      startedAt: new Date(Math.min(startedMs, facts.wallMs - facts.uptimeS * 1000)).toISOString(),
      uptimeS: Math.floor(facts.uptimeS),
      ready: readiness.ready,
      reasons: readiness.reasons,
    },
    windowS: traffic.windowS,
    requests: {
      perSecond: rate(requests.count.perSecond),
      errorsPerSecond: rate(errors.perSecond),
      inFlight: facts.inFlight,
      total: requests.count.total,
      errors: errors.total,
    },
    latencyMs: {
      p50: requests.quantileMs(0.5),
      p90: requests.quantileMs(0.9),
      p99: requests.quantileMs(0.99),
      max: requests.maxMs,
    },
    saturation,
    problems,
  };
}
