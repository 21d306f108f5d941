// The services of one thread with everything they are given, and the App that answers for them, put together
// in the order of a request's path: memory, telemetry, calls, services. No socket and no thread:
// workers/http.ts puts these in front of it, the test kit (src/testing) hands it requests.
import type { MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { ServiceDefinition } from '../api/service-definition.js';
import { CpuClient } from '../cpu/cpu-client.js';
import type { Block } from '../memory/block.js';
import { type Clock, sharedClock } from '../memory/clock.js';
import { FlightRecorder } from '../memory/flight-recorder.js';
import type { Recorder } from '../memory/metrics/recorder.js';
import { SeriesTable } from '../memory/metrics/series.js';
import type { SlotSeries } from '../memory/metrics/series-memory.js';
import { RouteNumbers } from '../memory/route-names.js';
import { SnapshotPage } from '../memory/snapshot-page.js';
import { Switches } from '../memory/switches.js';
import { WorkerRow } from '../memory/worker-row.js';
import { type App, createApp } from '../server/app.js';
import { schemeOf } from '../server/certificate.js';
import { apiDocs } from '../server/docs/api-docs.js';
import type { TopicBus } from '../server/websocket/topics.js';
import { serviceMetrics } from '../telemetry/service-metrics.js';
import { initTracing } from '../telemetry/tracing.js';
import type { Mail } from '../upstream/single-flight.js';
import { shownPlace, userFailure } from '../user-code/failure.js';
import { createConcurrencyLimits } from './concurrency-limits.js';
import { countedRateLimits } from './counted-rate-limits.js';
import { inProcessDispatch } from './in-process-dispatch.js';
import { MountedService, type ReplaceDeps, type WorkerIdentity } from './mounted-service.js';
import { observeCalls } from './observers.js';
import { createOutboundCalls } from './outbound-calls.js';
import { RequestMeters } from './request-meters.js';
import { routeWarnings } from './route-warnings.js';
import { createSharedPrimitives } from './shared-primitives.js';
import { systemRoutes } from './system-routes.js';
import { traceTrust } from './trace-trust.js';

export interface HostOptions {
  readonly thread: WorkerIdentity;
  readonly block: Block;
  /** Memory of the slot for metric series. */
  readonly series: SlotSeries;
  readonly definitions: readonly ServiceDefinition[];
  readonly cpuPort: MessagePort;
  readonly log: Logger;
  /** To the other workers of the process: of calls that are shared, and of topics. */
  readonly mail: Mail;
  readonly bus?: TopicBus;
  /** Answers say `Connection: close`. */
  draining(): boolean;
  /** True once something that ran in this thread has brought it down. Default: never. */
  readonly hasFailed?: () => boolean;
  /** Routes of a service with a database answer 503 STARTING until it arrives. Default true. */
  readonly awaitsDatabases?: boolean;
  /** Default: what the process has. */
  readonly outfit?: ReplaceDeps;
}

export interface Host {
  readonly app: App;
  readonly services: readonly MountedService[];
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly row: WorkerRow;
  /** Call about every 50 ms: the overload rule looks at the event loop of the thread. */
  beat(): void;
  /** Behind the last request: lets go of databases, connections and the CPU pool. */
  close(): Promise<void>;
}

/** @throws ConfigError when a service declares routes that cannot be */
export function createHost(options: HostOptions): Host {
  const { thread, block, definitions, cpuPort, log, mail, bus, outfit = (_service, deps) => deps } = options;
  const { settings, worker, slot, instanceId } = thread;
  const clock = sharedClock(block);
  const recorder = new SeriesTable(options.series);
  const row = new WorkerRow(block, slot);
  const switches = new Switches(block);
  const tracing = initTracing(
    settings,
    { worker, instanceId },
    { log, recorder, bound: () => switches.samplingBound },
  );
  const scheme = schemeOf(settings);
  const meters = new RequestMeters({
    recorder,
    series: recorder.pool('routes'),
    failures: recorder.pool('failures'),
    routes: new RouteNumbers(recorder.store),
    row,
    flights: new FlightRecorder(block, slot),
    clock,
    scheme,
  });
  const bounds = createConcurrencyLimits({ block, slot, recorder }, settings);
  const calling = createOutboundCalls({
    block,
    slot,
    clock,
    callPermitsOf: bounds.callPermitsOf,
    observer: observeCalls(recorder, tracing, (service, id) => calling.knows(service, id)),
    dispatch: (service, request) => dispatch(service, request),
    settings,
    log,
    mail,
  });
  const rateLimits = countedRateLimits(block, clock, recorder);
  const shared = createSharedPrimitives({
    block,
    slot,
    clock,
    recorder,
    log,
    rateLimits,
    replaces: thread.generation > 1,
  });
  const app = createApp({
    settings,
    observer: meters,
    gates: bounds,
    quotas: bounds.quotas,
    rateLimits,
    switchedOff: new SnapshotPage(block, 'switchedOff'),
    tracing,
    log,
    ...(bus !== undefined && { bus }),
    scheme,
    draining: () => options.draining(),
    trustsTraceFlags: traceTrust(settings, (address) => calling.isInstance(address)),
  });
  const dispatch = inProcessDispatch(app);
  const cpu = new CpuClient(cpuPort, tracing, settings.requestTimeoutMs);
  const { call } = calling;
  const openSagasSince = async (): Promise<Date | undefined> => {
    const since = await Promise.all(services.map((service) => service.openSagasSince()));
    return since.filter((date) => date !== undefined).sort((a, b) => a.getTime() - b.getTime())[0];
  };
  const context = {
    ...{
      thread,
      block,
      clock,
      recorder,
      metrics: serviceMetrics(recorder.pool('services')),
      tracing,
      log,
      call,
      cpu,
      shared,
      outfit,
    },
    hasFailed: options.hasFailed ?? (() => false),
    openSagasSince,
  };
  const services: readonly MountedService[] = definitions.map(
    (definition, number) => new MountedService(definition, context, number),
  );
  try {
    mountAll(app, services, switches, options.awaitsDatabases ?? true);
  } catch (error) {
    throw userFailure(error, 'while routes are registered', {
      file: settings.configFile && shownPlace(settings.configFile),
    });
  }
  // All workers have the same routes: one of them says it.
  if (worker === 1) {
    for (const doubt of routeWarnings(app.routes(), settings)) log.warn(doubt);
    const { sharingRoutes: routes } = bounds;
    if (routes > 0) log.warn({ routes }, 'more routes than can be counted by route: these share as one');
  }
  return {
    app,
    services,
    clock,
    recorder,
    row,
    beat: () => bounds.beat(),
    async close() {
      cpu.close();
      // Side by side: each may have to wait for somebody who does not answer.
      const ends = services.map((service) => service.close());
      await Promise.all([calling.close(), ...ends, tracing.shutdown()]);
    },
  };
}

function mountAll(
  app: App,
  services: readonly MountedService[],
  switches: Switches,
  awaitsDatabases: boolean,
): void {
  const state = { draining: () => switches.draining, ready: () => switches.ready };
  app.mount('system', (routes) => systemRoutes(routes, state), { unlimited: true });
  const title = services.map(({ definition }) => definition.name).join(', ');
  app.mount('system', (routes) => apiDocs(routes, { title, version: '1' }, () => app.routes()));
  for (const service of services) {
    const { name } = service.definition;
    const isReady = (): boolean => service.ready || !awaitsDatabases;
    app.mount(name, (routes) => service.routes(routes), { isReady });
  }
}
