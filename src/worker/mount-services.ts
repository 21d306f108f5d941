// Mounts the services of a worker on its App, after the routes that every process has: the probes and the
// documentation of the API.
import type { Switches } from '../memory/switches.js';
import type { App } from '../server/app.js';
import { apiDocs } from '../server/docs/api-docs.js';
import { deepenStacks } from '../user-code/deep-stacks.js';
import { formatLocation, projectError } from '../user-code/project-error.js';
import type { MountedService } from './mounted-service.js';
import { systemRoutes } from './system-routes.js';

export interface MountOptions {
  readonly switches: Switches;
  readonly awaitsDatabases: boolean;
  /** The file that declares the services, for the text of an error. */
  readonly configFile: string | undefined;
}

/** @throws ConfigError when a service declares routes that are not possible */
export function mountServices(app: App, services: readonly MountedService[], options: MountOptions): void {
  const { configFile } = options;
  const restoreStacks = deepenStacks();
  try {
    mountAll(app, services, options);
  } catch (error) {
    throw projectError(error, 'while routes are registered', {
      file: configFile && formatLocation(configFile),
    });
  } finally {
    restoreStacks();
  }
}

function mountAll(
  app: App,
  services: readonly MountedService[],
  { switches, awaitsDatabases }: MountOptions,
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
