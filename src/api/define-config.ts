// `defineConfig`, for `multilane.config.js`: the services of a project, and settings by their camelCase
// names.
import type { WrittenSettings } from '../config.js';
import { ConfigError } from '../errors.js';
import type { ServiceDefinition } from './service-definition.js';

/** Any setting in camelCase; the command line and the environment win over it. */
export type ProjectConfig = WrittenSettings & {
  /**
   * The services that the process can mount; the setting `SERVICES` selects among them.
   * @default the reference shop, with a warning
   */
  readonly services?: readonly ServiceDefinition[];
};

/**
 * Checks the services of a configuration and returns it. The settings are checked when the process reads
 * them.
 * @throws ConfigError for a value that is not a service, and for two services of one name
 * @example export default defineConfig({ services: [shop], rateLimit: '100/second' });
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
