// Loads the services that this process runs: those of the configuration or of the reference shop, restricted
// by the setting SERVICES. The primary and every worker load the same modules.

import { defineService } from '../api/define-service.js';
import type { ServiceDefinition } from '../api/service-definition.js';
import type { Settings } from '../config.js';
import { ConfigError } from '../errors.js';
import { importUserModule } from '../user-code/module.js';

/** @throws ConfigError when the configuration cannot be loaded, or declares something that is no service */
export async function loadServices(
  settings: Pick<Settings, 'configFile' | 'services'>,
): Promise<readonly ServiceDefinition[]> {
  const declared = await declaredServices(settings.configFile);
  // Checked here, because a project may export plain objects without calling defineService.
  const services = declared.map((service) => defineService(service));
  const wanted = settings.services;
  return wanted === undefined ? services : services.filter(({ name }) => wanted.includes(name));
}

async function declaredServices(configFile: string | undefined): Promise<readonly ServiceDefinition[]> {
  if (configFile === undefined) return (await import('../services/catalog.js')).referenceShop;
  const module = (await importUserModule(configFile)) as {
    readonly default?: { readonly services?: readonly ServiceDefinition[] };
  };
  const services = module.default?.services;
  if (services === undefined) throw new ConfigError(`${configFile}: declares no services`);
  return services;
}
