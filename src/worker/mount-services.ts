// Mounts the services of a worker on its App, after the routes that every process has: the probes and the
// documentation of the API.
import type { Settings } from '../config.js';
import type { Switches } from '../memory/switches.js';
import { runAsLoading } from '../scope.js';
import type { App } from '../server/app.js';
import { apiDocs } from '../server/docs/api-docs.js';
import { deepenStacks } from '../user-code/deep-stacks.js';
import { apiInfo } from './api-info.js';
import type { MountedService } from './mounted-service.js';
import { registrationError } from './registration-error.js';
import { SYSTEM_ROUTE_OPTIONS } from './system-route-options.js';
import { SYSTEM, systemRoutes } from './system-routes.js';

export interface MountOptions {
  readonly switches: Switches;
  readonly awaitsDatabases: boolean;
  /** Its `configFile` declares the services, for the text of an error and for what the project is called. */
  readonly settings: Pick<Settings, 'configFile' | 'healthPath' | 'openapi' | 'rateLimit' | 'readyPath'>;
}

/** @throws ConfigError when a service declares routes that are not possible */
export function mountServices(app: App, services: readonly MountedService[], options: MountOptions): void {
  const { configFile } = options.settings;
  const restoreStacks = deepenStacks();
  try {
    mountAll(app, services, options);
  } catch (error) {
    throw registrationError(error, configFile);
  } finally {
    restoreStacks();
  }
}

function mountAll(
  app: App,
  services: readonly MountedService[],
  { switches, awaitsDatabases, settings }: MountOptions,
): void {
  const state = { draining: () => switches.draining, ready: () => switches.ready };
  app.mount(SYSTEM, (routes) => systemRoutes(routes, settings, state, SYSTEM_ROUTE_OPTIONS), {
    unlimited: true,
  });
  const names = services.map(({ definition }) => definition.name);
  if (settings.openapi !== false)
    app.mount(SYSTEM, (routes) => apiDocs(routes, apiInfo(settings, names), () => app.routes()));
  for (const service of services) {
    const { name } = service.definition;
    const isReady = (): boolean => service.ready || !awaitsDatabases;
    app.mount(name, (routes) => runAsLoading(() => service.routes(routes)), { isReady });
  }
}
