// Loads the services that this process runs: those of the configuration or of the reference shop, restricted
// by the setting SERVICES. The primary and every worker load the same modules.

import type { ProjectConfig } from '../api/define-config.js';
import { defineService } from '../api/define-service.js';
import type { ServiceDefinition } from '../api/service-definition.js';
import type { Settings } from '../config.js';
import { ConfigError } from '../errors.js';
import { importUserModule } from '../user-code/module.js';

/**
 * @throws ConfigError when the configuration cannot be loaded, or declares something that is no service; as
 *   `importUserModule`
 */
export async function loadServices(
  settings: Pick<Settings, 'configFile' | 'services'>,
): Promise<readonly ServiceDefinition[]> {
  const declared = (await loadProject(settings.configFile)).services;
  // Checked here, because a project may export plain objects without calling defineService.
  const services = declared.map((service) => defineService(service));
  const wanted = settings.services;
  return wanted === undefined ? services : services.filter(({ name }) => wanted.includes(name));
}

/** What a project declares, whether this process mounts it or not. */
export interface Project {
  readonly services: readonly ServiceDefinition[];
  readonly protos?: ProjectConfig['protos'] | undefined;
}

/** @throws ConfigError when the configuration declares no services; as `importUserModule` */
export async function loadProject(configFile: string | undefined): Promise<Project> {
  if (configFile === undefined) return { services: (await import('../services/catalog.js')).referenceShop };
  const module = (await importUserModule(configFile)) as { readonly default?: ProjectConfig };
  const { services, protos } = module.default ?? {};
  if (services === undefined) throw new ConfigError(`${configFile}: declares no services`);
  return { services, protos };
}
