// The contract of a service: a name, routes, and optionally a database, sagas and CPU tasks.
import type { Logger } from 'pino';
import type { Database } from '../db/database.js';
import type { Counter, Gauge, Histogram, Labels } from '../memory/metrics/recorder.js';
import type { Json, SagaDefinition, SagaStep, Sagas, StepContext } from '../saga/saga.js';
import type { Application } from '../server/handler.js';
import type { Call } from '../upstream/call.js';
import type { Shared } from './shared.js';

export interface Cpu {
  /**
   * Runs a named export of the service's `tasks` module on the CPU pool of the process. `input` and the
   * result are structured-cloned; a Uint8Array result is moved, not copied.
   * Outside a request the deadline is REQUEST_TIMEOUT_MS from the call.
   * @throws HttpError CPU_QUEUE_FULL, DEADLINE_EXCEEDED; the reason of `signal`, or of the request's own,
   *   when that aborts; TypeError for what cannot be cloned; what the task throws comes back as an Error
   */
  run<T = unknown>(task: string, input: unknown, options?: { readonly signal?: AbortSignal }): Promise<T>;
}

/**
 * Own metrics of a service; names get no prefix, so choose one that is yours. What is returned counts under
 * the labels that were given. Whoever declares a name again, in this service or another one, gives the same
 * kind, help and label names.
 * @example metrics.counter('shop_carts_total', 'Carts that were closed.', { how: 'bought' }).add()
 * @throws TypeError naming service and metric, and what to write instead: a name that `promtool check
 *   metrics`
 *   refuses or that another metric has, help that says nothing, a label that is reserved or not a string, and
 *   a
 *   contradiction to what has been declared before
 * @throws RangeError for more than 256 metrics
 */
export interface ServiceMetrics {
  /** The name ends in `_total`. `add` throws a TypeError for anything but a whole number >= 0. */
  counter(name: string, help: string, labels?: Labels): Counter;
  /** `set` and `add` throw a TypeError for anything but a finite number. */
  gauge(name: string, help: string, labels?: Labels): Gauge;
  /** Of durations. `record` throws a TypeError for anything but a number of microseconds >= 0. */
  histogram(name: string, help: string, labels?: Labels): Histogram;
}

export interface ServiceDeps {
  /** Present when the service has migrations or sagas; using it otherwise throws. */
  readonly db: Database;
  readonly call: Call;
  readonly cpu: Cpu;
  readonly sagas: Sagas;
  readonly metrics: ServiceMetrics;
  readonly shared: Shared;
  /** The service's own in this worker; the runtime logs about the service with another one. */
  readonly log: Logger;
}

/** What the steps of a service's sagas may use. */
export interface SagaTools {
  readonly call: Call;
  readonly db: Database;
  readonly cpu: Cpu;
  readonly shared: Shared;
}

/** A step's context as a saga author sees it: identity, results and tools on one object (CONTRACT 7). */
export type SagaContext = Omit<StepContext, 'tools'> & SagaTools;

export interface ServiceDefinition {
  /** `[a-z][a-z0-9-]{0,62}`; also the name of its database. */
  readonly name: string;
  /** Called once in every worker. */
  routes(app: Application, deps: ServiceDeps): void;
  /** Folder of numbered `.sql` files; the service gets a database of its own. */
  readonly migrations?: URL;
  /** Module whose named exports run on the CPU pool. */
  readonly tasks?: URL;
  readonly sagas?: readonly SagaDefinition<never, SagaContext>[];
}

export type { Json, SagaStep };
