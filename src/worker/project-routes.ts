// Lists the routes of a project without starting it. Its services register them with the real App, so a wrong
// pattern, option or schema is found as in a worker. The deps of the services are placeholders: `routes(app,
// deps)` may store them, but using one throws, because nothing runs.

import { declareRoutes } from '../api/define-service.js';
import type { ServiceDefinition, ServiceDeps } from '../api/service-definition.js';
import type { Settings } from '../config.js';
import { ConfigError } from '../errors.js';
import { Block } from '../memory/block.js';
import { sharedClock } from '../memory/clock.js';
import { SeriesTable } from '../memory/metrics/series.js';
import { SeriesMemory } from '../memory/metrics/series-memory.js';
import { within } from '../resilience/within.js';
import { runAsLoading } from '../scope.js';
import { App } from '../server/app.js';
import { apiDocs } from '../server/docs/api-docs.js';
import type { RouteInfo } from '../server/handler.js';
import type { RequestObserver, RouteMeter } from '../server/request-observer.js';
import { createLogger } from '../telemetry/log.js';
import { serviceMetrics } from '../telemetry/service-metrics.js';
import { stderrSink } from '../telemetry/stderr-sink.js';
import { initTracing } from '../telemetry/tracing.js';
import { type NamedService, nameOf } from '../upstream/called-name.js';
import { deepenStacks } from '../user-code/deep-stacks.js';
import { apiInfo } from './api-info.js';
import { createConcurrencyLimits } from './concurrency-limits.js';
import { clusterLimitsOf, countedRateLimits } from './counted-rate-limits.js';
import { loadServices } from './load-services.js';
import { prepareApplications } from './prepare-applications.js';
import { registrationError } from './registration-error.js';
import { createSharedPrimitives } from './shared-primitives.js';
import { SYSTEM_ROUTE_OPTIONS } from './system-route-options.js';
import { SYSTEM, systemRoutes } from './system-routes.js';

const UNUSED_METER: RouteMeter = { routeNumber: 0, begin: () => 0, enter: () => 0, leave() {}, end() {} };
/** An observer that counts nothing, because no request is served. */
const UNUSED: RequestObserver = {
  meter: () => UNUSED_METER,
  rpcMeter: () => UNUSED_METER,
  refused() {},
};

/** @throws ConfigError that names the service and the route */
export async function projectRoutes(settings: Settings): Promise<readonly RouteInfo[]> {
  return (await registeredApp(settings, await loadServices(settings))).routes();
}

/** The name of the error where code of a service uses a dependency that only a process that runs has. */
const NOT_RUNNING = 'NotRunningError';

/**
 * Checks the routes, and starts the mounted applications of `node:http`, as far as that is possible in a
 * process that does not run.
 * @param withinMs how long the applications may take
 * @throws ConfigError that names the service and the route
 */
export async function checkProjectRoutes(settings: Settings, withinMs: number): Promise<void> {
  try {
    const app = await registeredApp(settings, await loadServices(settings));
    const prepared = prepareApplications(app, settings.configFile).then(() => true);
    if (await within(prepared, withinMs)) return;
  } catch (error) {
    if (isNotRunning(error)) return;
    throw error;
  }
  throw new ConfigError(
    `a mounted application is not ready after ${withinMs / 1000} s, the longest that a worker may take to start: ` +
      'a plugin or a hook of it waits for something that does not happen',
  );
}

/** An error for an operator has copies of its causes, which keep their names. */
function isNotRunning(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause.name === NOT_RUNNING) return true;
  return false;
}

/**
 * An App that has the routes of services and those of the runtime, and serves no request.
 * @throws ConfigError that names the service and the route
 */
export async function registeredApp(
  settings: Settings,
  services: readonly ServiceDefinition[],
): Promise<App> {
  const block = Block.create({ workers: 1 });
  const recorder = new SeriesTable(new SeriesMemory().of(1));
  const log = createLogger(settings, {}, stderrSink);
  const clock = sharedClock(block);
  const memory = { block, slot: 1, clock, recorder };
  const rateLimits = countedRateLimits(memory, clusterLimitsOf(settings));
  // Shared objects are real, because their names and options are checked when they are registered.
  const shared = createSharedPrimitives({ ...memory, log, rateLimits, isReplacement: false });
  const bounds = createConcurrencyLimits(memory, settings);
  const app = new App({
    settings,
    httpCore: settings.httpCore,
    observer: UNUSED,
    gates: bounds,
    quotas: bounds.quotas,
    rateLimits,
    tracing: initTracing(
      { otel: { ...settings.otel, disabled: true } },
      { worker: 1, instanceId: '' },
      { log, recorder },
    ),
    log,
    draining: () => false,
    trustsTraceFlags: () => false,
  });
  const metrics = serviceMetrics(recorder);
  const restoreStacks = deepenStacks();
  try {
    app.mount(SYSTEM, (routes) =>
      systemRoutes(routes, settings, { draining: () => false, ready: () => false }, SYSTEM_ROUTE_OPTIONS),
    );
    if (settings.openapi !== false)
      app.mount(SYSTEM, (routes) => apiDocs(routes, apiInfo(settings, []), () => app.routes()));
    for (const service of services) {
      const deps: ServiceDeps = {
        db: refusing(service.name, 'db'),
        sagas: refusing(service.name, 'sagas'),
        cpu: refusing(service.name, 'cpu'),
        call: ((called: string | NamedService) =>
          refusing(service.name, `call('${nameOf(called)}')`)) as ServiceDeps['call'],
        metrics: metrics(service.name),
        shared: shared(service.name),
        log: log.child({ service: service.name }),
      };
      app.mount(service.name, (routes) => runAsLoading(() => declareRoutes(service, routes, deps)));
    }
  } catch (error) {
    throw registrationError(error, settings.configFile);
  } finally {
    restoreStacks();
  }
  return app;
}

/** An object whose members are functions that throw when they are called. */
function refusing<T extends object>(service: string, what: string): T {
  return new Proxy({} as T, {
    get: (_target, member) => () => {
      const error = new Error(
        `service "${service}" uses ${what}.${String(member)} while its routes are only listed: ` +
          'use it in a handler',
      );
      error.name = NOT_RUNNING;
      throw error;
    },
  });
}
