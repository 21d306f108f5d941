// What `multilane.config.js` declares: the services of a project, and settings by their camelCase names.
import type { WrittenSettings } from '../config.js';
import { ConfigError } from '../errors.js';
import type { ServiceDefinition } from './service-definition.js';

/** Any setting of CONTRACT section 2 in camelCase; command line and environment win over it. */
export type ProjectConfig = WrittenSettings & {
  readonly services?: readonly ServiceDefinition[];
};

/**
 * Checks what only code can get wrong (the settings are checked when the process reads them) and returns it.
 * @throws ConfigError for services that are no services, or two of one name
 */
export function defineConfig(config: ProjectConfig): ProjectConfig {
  if (typeof config !== 'object' || config === null) throw new ConfigError('defineConfig takes an object');
  const { services } = config;
  if (services === undefined) return config;
  if (!Array.isArray(services)) throw new ConfigError('services must be an array of defineService(…)');
  const seen = new Set<string>();
  for (const [index, service] of services.entries()) {
    if (typeof service?.name !== 'string' || typeof service.routes !== 'function') {
      throw new ConfigError(`services[${index}] is not a service: wrap it in defineService(…)`);
    }
    if (seen.has(service.name)) throw new ConfigError(`service "${service.name}" is declared twice`);
    seen.add(service.name);
  }
  return config;
}
