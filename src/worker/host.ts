// The host: the services of one thread with everything they are given, and the App that serves their routes.
// Its parts are made in the order of a request's path: memory, telemetry, calls, services. It has no socket
// and no thread. worker/serve.ts adds these, and the test kit (src/testing) passes requests to the App
// without them.

import type { MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { ServiceDefinition } from '../api/service-definition.js';
import type { Settings } from '../config.js';
import { CpuClient } from '../cpu/cpu-client.js';
import { mountGateway } from '../gateway/mount-gateway.js';
import { LEAST_SILENT_MS } from '../gateway/passed-body.js';
import type { ProtoFiles } from '../grpc/known-protos.js';
import { lazyModule } from '../lazy-module.js';
import type { Block } from '../memory/block.js';
import { type Clock, sharedClock } from '../memory/clock.js';
import { FlightRecorder } from '../memory/flight-recorder.js';
import type { Recorder } from '../memory/metrics/recorder.js';
import { SeriesTable } from '../memory/metrics/series.js';
import type { SlotSeries } from '../memory/metrics/series-memory.js';
import { RouteNumbers } from '../memory/route-names.js';
import { ServedLoads } from '../memory/served-load.js';
import type { RingOfSpans } from '../memory/span-ring.js';
import { Switches } from '../memory/switches.js';
import { TextPage } from '../memory/text-page.js';
import { WorkerRow } from '../memory/worker-row.js';
import { SecretPaths } from '../redaction/secret-paths.js';
import { App } from '../server/app.js';
import { schemeOf } from '../server/certificate.js';
import type { RateLimits } from '../server/route-rate-limits.js';
import type { TopicBus } from '../server/websocket/topics.js';
import { RequestIds } from '../telemetry/request-ids.js';
import { serviceMetrics } from '../telemetry/service-metrics.js';
import type { Tracing } from '../telemetry/span.js';
import { SpanLog } from '../telemetry/span-log.js';
import { initTracing } from '../telemetry/tracing.js';
import type { Mail } from '../upstream/single-flight.js';
import { loadUndici } from '../upstream/undici.js';
import { type ConcurrencyLimits, createConcurrencyLimits } from './concurrency-limits.js';
import { type ClusterLimits, clusterLimitsOf, countedRateLimits } from './counted-rate-limits.js';
import { inProcessDispatch, inProcessStreams } from './in-process-dispatch.js';
import { type MountedRpcMethod, mountRpc } from './mount-rpc.js';
import { mountServices } from './mount-services.js';
import { MountedService } from './mounted-service.js';
import { observeCalls } from './observe-calls.js';
import { createOutboundCalls, type OutboundCalls } from './outbound-calls.js';
import { prepareApplications } from './prepare-applications.js';
import { projectProtos } from './project-protos.js';
import { RequestMeters } from './request-meters.js';
import { heldByCalls } from './request-quotas.js';
import { hiddenPaths, routeWarnings } from './route-warnings.js';
import { createSharedPrimitives } from './shared-primitives.js';
import { timedCalls } from './timed-calls.js';
import { traceTrust } from './trace-trust.js';
import type { ReplaceDeps, WorkerContext, WorkerIdentity } from './worker-context.js';
import type { WorkerMemory } from './worker-memory.js';

/** Requests that were cut off are looked for with every fifth heartbeat: four times a second. */
const CUT_OFF_BEATS = 5;

export interface HostOptions {
  /** The HTTP core of the workers. @default it is not known, as in a test without a server */
  readonly httpCore?: Settings['httpCore'];
  readonly thread: WorkerIdentity;
  readonly block: Block;
  /** Memory for the metric series of this worker. */
  readonly series: SlotSeries;
  /** Where the latest spans of this worker are kept for the primary. @default nowhere */
  readonly spans?: RingOfSpans;
  readonly definitions: readonly ServiceDefinition[];
  readonly cpuPort: MessagePort;
  readonly log: Logger;
  /** Channel to the other workers, for calls that they share. */
  readonly mail: Mail;
  /** Channel to the other workers, for WebSocket topics. */
  readonly bus?: TopicBus;
  /** True while responses are to carry `Connection: close`. */
  draining(): boolean;
  /**
   * True once something that ran in this thread has brought it down.
   * @default never
   */
  readonly hasFailed?: () => boolean;
  /**
   * The .proto files of the services that can be called by gRPC, by service.
   * @default those of `definitions`
   */
  readonly protos?: ReadonlyMap<string, ProtoFiles>;
  /**
   * Routes of a service with a database respond 503 STARTING until the database arrives.
   * @default true
   */
  readonly awaitsDatabases?: boolean;
  /** @default as the registry allows */
  readonly clusterLimits?: ClusterLimits;
  /**
   * Replaces what a service is given, in tests.
   * @default the dependencies of the process
   */
  readonly replaceDeps?: ReplaceDeps;
}

export interface Host {
  readonly app: App;
  readonly services: readonly MountedService[];
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly row: WorkerRow;
  /**
   * Resolves when mounted applications of `node:http` may get requests. Call it once, before the thread
   * serves any.
   * @throws ConfigError for one that cannot start; UnreachableError where it cannot reach what it needs
   */
  prepared(): Promise<void>;
  /**
   * Mounts the gRPC methods of the services, which takes a while the first time; a further call returns the
   * same methods. Threads that serve gRPC do it at their start, others with their first call by gRPC.
   * @throws ConfigError for wrong .proto files and handlers
   */
  rpcMethods(): Promise<readonly MountedRpcMethod[]>;
  /**
   * Looks at the load of the thread, for the overload rule, at calls that wait for instances, and at requests
   * that were cut off, and publishes what the thread keeps in memory. Call it about every 50 ms, directly in
   * a callback of the event loop.
   */
  beat(): void;
  /** Resolves when the CPU tasks that are in progress now have ended, at the latest after `withinMs`. */
  cpuTasksSettled(withinMs: number): Promise<void>;
  /** Closes databases, connections and the CPU client, after the last request has ended. */
  close(): Promise<void>;
}

/** What the App and the services of a worker are made from. */
interface HostParts {
  readonly memory: WorkerMemory;
  readonly row: WorkerRow;
  readonly switches: Switches;
  readonly tracing: Tracing;
  readonly limits: ConcurrencyLimits;
  readonly rateLimits: RateLimits;
  readonly calls: OutboundCalls;
  readonly secretPaths: SecretPaths;
}

/** @throws ConfigError when a service declares routes that are not possible */
export function createHost(options: HostOptions): Host {
  const { settings, worker } = options.thread;
  // The App is made from the calls, and the calls pass those to services of this worker to the App. So the
  // calls get functions that look up `dispatch` and `streamed` only when they run.
  const parts = createParts(
    options,
    (service, request) => dispatch(service, request),
    (service, request, receiver) => streamed(service, request, receiver),
  );
  const { memory, row, switches, tracing, limits, calls } = parts;
  const app = createWorkerApp(options, parts);
  const rpcMethods = lazyModule(() => mountRpc(app, services, { awaitsDatabases }));
  const dispatch = inProcessDispatch(app, settings, rpcMethods);
  const streamed = inProcessStreams(app, settings);
  const fileBytes = memory.recorder.gauge('multilane_file_contents_bytes');
  let beats = 0;
  const waitingCalls = memory.recorder.gauge('multilane_calls_waiting');
  const cpu = new CpuClient(options.cpuPort, {
    tracing,
    timeoutMs: settings.requestTimeoutMs,
    log: options.log,
  });
  const services = createServices(options, parts, cpu);
  const awaitsDatabases = options.awaitsDatabases ?? true;
  mountServices(app, services, {
    switches,
    awaitsDatabases,
    settings,
  });
  if (settings.gateway.length > 0) openGateway(settings, app, services, parts);
  // All workers have the same routes, so one of them logs the warnings.
  if (worker === 1) logRouteWarnings(app, limits, settings, options.log);
  return {
    app,
    services,
    clock: memory.clock,
    recorder: memory.recorder,
    row,
    rpcMethods,
    prepared: () => prepareApplications(app, settings.configFile),
    beat() {
      app.serviceCode.recount();
      if (beats++ % CUT_OFF_BEATS === 0) app.endCutOff();
      limits.beat();
      fileBytes.set(app.files.contents.bytes);
      calls.beat();
      waitingCalls.set(calls.waiting);
    },
    cpuTasksSettled: (withinMs) => cpu.settled(withinMs),
    async close() {
      cpu.close();
      // All are closed in parallel, because each may have to wait for a peer that does not respond.
      const closed = services.map((service) => service.close());
      await Promise.all([calls.close(), ...closed, tracing.shutdown()]);
    },
  };
}

/** Mounts the routes of the gateway, for the services that it may reach. */
function openGateway(
  settings: HostOptions['thread']['settings'],
  app: App,
  services: readonly MountedService[],
  { memory, calls }: Pick<HostParts, 'memory' | 'calls'>,
): void {
  loadUndici();
  const isMounted = (name: string): boolean => services.some(({ definition }) => definition.name === name);
  const refused = memory.recorder.counter('multilane_requests_shed_total', {
    reason: 'instance_connections',
  });
  const { streamed, streamsPerEndpoint: connections } = calls;
  const onRefused = (): void => refused.add();
  const silentMs = Math.max(LEAST_SILENT_MS, settings.streamIdleMs);
  mountGateway(settings, { app, calls: streamed, connections, isMounted, onRefused, silentMs });
}

function createParts(
  { thread, block, series, spans, definitions, protos, log, mail, clusterLimits }: HostOptions,
  dispatch: ReturnType<typeof inProcessDispatch>,
  dispatchStream: ReturnType<typeof inProcessStreams>,
): HostParts {
  const { settings, worker, slot, instanceId } = thread;
  const recorder = new SeriesTable(series);
  const memory: WorkerMemory = { block, slot, clock: sharedClock(block), recorder };
  const switches = new Switches(block);
  const tracing = initTracing(
    settings,
    { worker, instanceId },
    {
      log,
      recorder,
      bound: () => switches.samplingBound,
      ...(spans && { spanLog: new SpanLog(spans, worker, memory.clock) }),
    },
  );
  const limits = createConcurrencyLimits(memory, settings);
  const secretPaths = new SecretPaths();
  const calls: OutboundCalls = createOutboundCalls({
    ...memory,
    callPermitsOf: limits.callPermitsOf,
    memory: heldByCalls(limits.quotas),
    observers: timedCalls(
      observeCalls(recorder, tracing, (service, id) => calls.isRegistered(service, id), secretPaths),
      settings,
    ),
    dispatch,
    dispatchStream,
    protos: protos ?? projectProtos({ services: definitions }),
    settings,
    log,
    mail,
  });
  const rateLimits = countedRateLimits(memory, clusterLimits ?? clusterLimitsOf(settings));
  return {
    memory,
    row: new WorkerRow(block, slot),
    switches,
    tracing,
    limits,
    rateLimits,
    calls,
    secretPaths,
  };
}

function createWorkerApp(options: HostOptions, parts: HostParts): App {
  const { thread, log, bus } = options;
  const { settings } = thread;
  const { memory, row, switches, tracing, limits, rateLimits, calls, secretPaths } = parts;
  const { block, slot, clock, recorder } = memory;
  const scheme = schemeOf(settings);
  const ids = new RequestIds();
  return new App({
    settings,
    httpCore: settings.httpCore,
    secretPaths,
    ids,
    observer: new RequestMeters({
      recorder,
      series: recorder.pool('routes'),
      failures: recorder.pool('failures'),
      routes: new RouteNumbers(recorder.store),
      row,
      flightRecorder: new FlightRecorder(block, slot, ids.prefix),
      clock,
      scheme,
    }),
    gates: limits,
    quotas: limits.quotas,
    rateLimits,
    ...(options.httpCore !== undefined && { httpCore: options.httpCore }),
    switchedOff: new TextPage(block),
    tracing,
    log,
    requestLog: { share: () => switches.requestLogShare, slowMs: settings.slowRequestMs },
    ...(bus !== undefined && { bus }),
    ...(settings.meshToken !== undefined && { loads: new ServedLoads(block, slot, clock) }),
    scheme,
    draining: () => options.draining(),
    trustsTraceFlags: traceTrust(settings, (address) => calls.isInstance(address)),
  });
}

function createServices(
  options: HostOptions,
  { memory, tracing, rateLimits, calls }: HostParts,
  cpu: CpuClient,
): readonly MountedService[] {
  const { thread, definitions, log, replaceDeps, hasFailed } = options;
  const context = {
    ...memory,
    thread,
    metrics: serviceMetrics(memory.recorder.pool('services')),
    tracing,
    log,
    callFrom: (service: string) => calls.callFrom(service),
    cpu,
    shared: createSharedPrimitives({ ...memory, log, rateLimits, isReplacement: thread.generation > 1 }),
    replaceDeps: replaceDeps ?? ((_service, deps) => deps),
    hasFailed: hasFailed ?? (() => false),
    async openSagasSince() {
      const since = await Promise.all(services.map((service) => service.openSagasSince()));
      return since.filter((date) => date !== undefined).sort((a, b) => a.getTime() - b.getTime())[0];
    },
  } satisfies WorkerContext;
  const services: readonly MountedService[] = definitions.map(
    (definition, number) => new MountedService(definition, context, number),
  );
  return services;
}

function logRouteWarnings(
  app: App,
  limits: ConcurrencyLimits,
  settings: WorkerIdentity['settings'],
  log: Logger,
): void {
  for (const warning of routeWarnings(app.routes(), settings)) log.warn(warning);
  for (const hidden of hiddenPaths(app.routes())) log.info(hidden);
  const { sharingRoutes: routes } = limits;
  if (routes > 0) log.warn({ routes }, 'more routes than can be counted by route: these share one count');
}
