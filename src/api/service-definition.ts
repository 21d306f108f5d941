// The contract of a service: a name, routes, and optionally a database, sagas and CPU tasks.
import type { Logger } from 'pino';
import type { Database } from '../db/database.js';
import type { Counter, Gauge, Histogram, Labels } from '../memory/metrics/recorder.js';
import type { AnySaga, Json, SagaStep, Sagas, StepContext, StepResults } from '../saga/saga.js';
import type { RpcHandlers } from '../server/grpc/rpc-handler.js';
import type { Application, FetchApplication } from '../server/handler.js';
import type { Nothing } from '../server/route-types.js';
import type { ClientOptions, ServiceClient } from '../upstream/call.js';
import type { CounterBy, GaugeBy, HistogramBy, HistogramOptions, MetricOptions } from './metric-types.js';
import type { Shared } from './shared.js';
import type { ClientOf } from './typed-client.js';

/** The second argument of a task. */
export interface TaskContext {
  /**
   * Sends a value to `onProgress` of the caller. At most one value in 50 ms is sent, the latest one; none
   * after the result. Without `onProgress` it does nothing.
   * @throws TypeError for a value that cannot be cloned
   */
  readonly progress: (value: unknown) => void;
  /**
   * Marks buffers of the value that the task returns, so that they are moved to the caller, not copied. A
   * Uint8Array that is itself the result is moved without it.
   * @returns the value
   * @example return transfer({ width, pixels }, [pixels.buffer])
   */
  readonly transfer: <T extends object>(value: T, buffers: readonly ArrayBuffer[]) => T;
  /** W3C trace context of the task, for calls that it makes itself; undefined in a direct call. */
  readonly traceparent: string | undefined;
}

/** The options of one run of a task. */
export interface CpuRunOptions {
  /** Ends the task when it aborts. The signal of the request does that without being passed. */
  readonly signal?: AbortSignal;
  /**
   * The share of this task among waiting tasks of the same service: 8 turns of `high` come with 4 of `normal`
   * and 1 of `low`. It takes nothing from other services.
   * @default 'normal'
   */
  readonly priority?: 'high' | 'normal' | 'low';
  /**
   * Buffers of the input that are moved instead of copied, as by `structuredClone`. Afterwards they have no
   * bytes here, whatever becomes of the task.
   * @default none
   */
  readonly transfer?: readonly ArrayBuffer[];
  /**
   * Gets the values that the task reports by `progress`. What it throws is logged, and the task continues.
   * @default none
   */
  onProgress?(value: unknown): unknown;
}

/** Runs tasks of the service on the CPU pool of the process. */
export interface Cpu {
  /**
   * Runs a function that the service's `tasks` module exports on the CPU pool of the process. `input` and the
   * result are structured-cloned; a Uint8Array result is moved, not copied. The deadline is that of the
   * request; outside of a request it is REQUEST_TIMEOUT_MS from the call.
   * @param task the function, which is not called in this thread; its types are those of the call
   * @throws HttpError CPU_QUEUE_FULL, DEADLINE_EXCEEDED; the reason of `signal`, or of the request's signal,
   *   when one aborts; TypeError for a function that the module does not export, for a value that cannot be
   *   cloned and for a buffer that cannot be moved; an Error with the message of what the task throws
   * @example await cpu.run(fib, { n: 40 }, { signal: ctx.signal })
   */
  run<F extends (input: never, context: TaskContext) => unknown>(
    task: F,
    input: Parameters<F>[0],
    options?: CpuRunOptions,
  ): Promise<Awaited<ReturnType<F>>>;
  /**
   * The same by the name of the export.
   * @example await cpu.run('renderInvoice', { id: 7 }, { signal: ctx.signal })
   */
  run<T = unknown>(task: string, input: unknown, options?: CpuRunOptions): Promise<T>;
}

/**
 * The metrics of a service. Names get no prefix, so begin them with a word of your own. Every method returns
 * a metric that counts under the given labels. A second declaration of a name, in this service or another
 * one, must have the same kind, help and label names.
 * @throws TypeError naming the service, the metric and what to write instead: for a name that `promtool check
 *   metrics` refuses or that another metric has, an empty help text, a label that is reserved or not a
 *   string, or a contradiction to an earlier declaration
 * @throws RangeError for more than 256 metrics
 * @example metrics.counter('shop_carts_total', 'Carts that were closed.', { how: 'bought' }).add()
 */
export interface ServiceMetrics {
  /** The name ends in `_total`. `add` throws a TypeError for anything but a whole number >= 0. */
  counter(name: string, help: string, labels?: Labels, options?: MetricOptions): Counter;
  /** @param labels names of labels, whose values `add` gets */
  counter<const L extends string>(
    name: string,
    help: string,
    labels: readonly L[],
    options?: MetricOptions,
  ): CounterBy<L>;
  /** `set` and `add` throw a TypeError for anything but a finite number. */
  gauge(name: string, help: string, labels?: Labels, options?: MetricOptions): Gauge;
  /** @param labels names of labels, whose values `set` and `add` get */
  gauge<const L extends string>(
    name: string,
    help: string,
    labels: readonly L[],
    options?: MetricOptions,
  ): GaugeBy<L>;
  /**
   * A histogram of durations, or of anything else with `buckets`. `record` throws a TypeError for anything
   * but a number >= 0: microseconds, or with `buckets` a value in the unit of the metric.
   */
  histogram(name: string, help: string, labels?: Labels, options?: HistogramOptions): Histogram;
  /** @param labels names of labels, whose values `record` gets */
  histogram<const L extends string>(
    name: string,
    help: string,
    labels: readonly L[],
    options?: HistogramOptions,
  ): HistogramBy<L>;
}

/** Calls other services, by their definitions or by their names. */
export interface Call {
  /**
   * The client of a service by its definition. Where its `routes` return the application, the client knows
   * its routes: their methods, paths, parameters, queries, bodies and responses.
   * @throws TypeError for what is no definition, and for options
   * @example
   *   const response = await call(orders).get('/api/orders/:id', { params: { id: 7 } });
   *   if (response.status === 200) return response.json().quantity; // typed by the schema of 200
   */
  <Routes>(service: ServiceDefinition<Routes>, options?: ClientOptions): ClientOf<Routes>;
  /** The client of a service by its name. @throws TypeError for text that is not a service name */
  (service: string, options?: ClientOptions): ServiceClient;
}

/** What `routes` of a service, and `handlers` of its gRPC methods, get to work with. */
export interface ServiceDeps {
  /** The service's own database. Using it throws unless the service has migrations or sagas. */
  readonly db: Database;
  /** Calls other services by definition or by name, in this process or elsewhere. */
  readonly call: Call;
  readonly cpu: Cpu;
  readonly sagas: Sagas;
  readonly metrics: ServiceMetrics;
  readonly shared: Shared;
  /** The logger of the service's own code; the runtime logs about the service with another one. */
  readonly log: Logger;
}

/** The tools that the steps of a service's sagas get on their context. */
export interface SagaTools {
  readonly call: Call;
  readonly db: Database;
  readonly cpu: Cpu;
  readonly shared: Shared;
}

/** The context of a step: identity, results and tools on one object. */
export type SagaContext<Results = StepResults> = Omit<StepContext, 'tools' | 'results'> &
  SagaTools & {
    /** Results of the completed steps by name: those before this step, where the saga goes forward. */
    readonly results: Readonly<Results>;
  };

/** The gRPC side of a service: its protocol files and its handlers. */
export interface GrpcDefinition {
  /** File URLs of `.proto` files. Each method that they define has a handler. */
  readonly proto: URL | readonly URL[];
  /**
   * Makes the handlers, by gRPC service and method. It is called once in every thread that serves them.
   * Messages are plain objects with camelCase names; 64-bit integers are texts (docs/grpc.md).
   */
  handlers(deps: ServiceDeps): RpcHandlers;
}

/**
 * A service: a name, routes, and optionally a database, sagas, CPU tasks and gRPC methods.
 * @typeParam Routes the routes by method and path, where `routes` returns them: `call(service)` knows them.
 *   `unknown`: any
 */
export interface ServiceDefinition<out Routes = unknown> {
  /** The name matches `[a-z][a-z0-9-]{0,62}`; it is also the name of the service's database. */
  readonly name: string;
  /**
   * Declares the routes. It is called once in every worker. What it returns is for the types of callers only:
   * the application, as the last route of a chain returns it.
   * @default none: the service has `fetch`
   */
  routes?(app: Application<unknown, ''>, deps: ServiceDeps): Application<Routes, ''> | Nothing;
  /**
   * A handler of the fetch standard, or an application that has one. It serves every path that no route
   * has, as one that is mounted at `/` does (`app.mount`).
   * @default none
   * @example defineService({ name: 'blog', fetch: new Hono().get('/posts', (c) => c.json([])) })
   */
  readonly fetch?: FetchApplication;
  /**
   * The URL of a folder of numbered `.sql` files; the service gets a database of its own.
   * @default none: the service has no database, unless it has sagas
   * @example new URL('./migrations/', import.meta.url)
   */
  readonly migrations?: URL;
  /**
   * The URL of a module whose named exports run on the CPU pool.
   * @default none: `cpu.run` throws
   * @example new URL('./tasks.js', import.meta.url)
   */
  readonly tasks?: URL;
  /**
   * The methods of gRPC that the service serves, at ports of their own (GRPC_PORT).
   * @default none
   * @example
   *   grpc: {
   *     proto: new URL('./orders.proto', import.meta.url),
   *     handlers: ({ db }) => ({
   *       OrderService: { GetUserOrders: async ({ userId }) => ({ orders: await ordersOf(db, userId) }) },
   *     }),
   *   }
   */
  readonly grpc?: GrpcDefinition;
  /** Sagas by `defineSaga`. The service gets a database for their journal. @default none */
  readonly sagas?: readonly AnySaga[];
}

export type { Json, SagaStep };
