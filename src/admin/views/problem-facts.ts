// A problem of the process in words, and the facts from which the rules (problem-rules-*.ts) find problems.
import type { WorkerStatus } from '../../cluster/workers.js';
import type { Readiness, WorkerView } from '../telemetry-routes.js';
import type { Fleet } from './fleet.js';
import type { Saturation } from './saturation.js';
import type { Traffic } from './traffic.js';

export type Severity = 'critical' | 'warning' | 'info';

export interface Problem {
  /** Stable as long as the problem lasts. */
  readonly id: string;
  readonly severity: Severity;
  readonly title: string;
  /** What follows from it, and what to do or to look at. */
  readonly detail: string;
  /** The page of the dashboard that shows it. */
  readonly page: string;
  /** ISO 8601 time; null when it is not known. */
  readonly since: string | null;
}

export interface ProblemFacts {
  readonly readiness: Pick<Readiness, 'ready' | 'reasons'>;
  readonly workers: readonly Pick<WorkerView, 'id' | 'state' | 'loopUtilization' | 'current' | 'startedAt'>[];
  readonly statuses: readonly Pick<WorkerStatus, 'kind' | 'isServing'>[];
  readonly saturation: readonly Saturation[];
  /** The workers that retain nearly as much heap as they may, with the share. */
  readonly fullHeaps: readonly { readonly worker: number; readonly ratio: number }[];
  readonly traffic: Traffic;
  readonly fleet: Fleet;
  /** Milliseconds of the shared clock, of which the times of breakers are. */
  readonly clockMs: number;
  /** The wall clock, for the times that are shown. */
  readonly wallMs: number;
  readonly database: { readonly held: number; readonly most: number };
  readonly cpu: {
    readonly queued: number;
    readonly queueLimit: number;
    readonly stuck: number;
  };
  /** What is wrong with the shared registry, behind "the registry"; undefined: nothing. */
  readonly registryOutage: string | undefined;
  readonly routesOff: readonly Switched[];
  readonly logLevel: {
    readonly level: string;
    readonly setting: string;
    readonly since: string | null;
    readonly reason: string | null;
  };
  /** Sagas that need an operator, counted up to MOST_SAGAS; undefined: not counted. */
  readonly sagas: number | undefined;
}

export interface Switched {
  readonly method: string;
  readonly route: string;
  readonly since: string | null;
  readonly reason: string | null;
}

/** Further sagas that need an operator are not counted. */
export const MOST_SAGAS = 100;
type Unnamed = Omit<Problem, 'since'> & Partial<Pick<Problem, 'since'>>;

export const problem = (known: Unnamed): Problem => ({ since: null, ...known });

/** `12.5 %`, `0.3 %` */
export function percent(ratio: number): string {
  const value = ratio * 100;
  return `${value >= 10 ? Math.round(value) : Math.round(value * 10) / 10} %`;
}

const MOST_NAMED = 10;

/** At most ten names, and how many more there are. */
export function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  const shown = names.slice(0, MOST_NAMED).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** The address of a page of the dashboard, such as `#/worker?id=3`. */
export const pageAt = (page: string, query: Readonly<Record<string, string>>): string =>
  `#/${page}?${new URLSearchParams(query).toString()}`;
