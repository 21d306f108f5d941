// `defineConfig`, for `multilane.config.js`: the services of a project, and settings by their camelCase
// names.
import type { WrittenSettings } from '../config.js';
import { ConfigError } from '../errors.js';
import { checkOpenApi } from '../openapi-checks.js';
import type { OpenApiOptions } from '../openapi-options.js';
import { configError, describeValue, requireObject } from '../options.js';
import { isServiceName } from '../service-name.js';
import { checkUpstreams, type Upstreams } from '../upstream-options.js';
import type { ServiceDefinition } from './service-definition.js';

/** Any setting in camelCase; the command line and the environment win over it. */
export type ProjectConfig = WrittenSettings & {
  /**
   * The services that the process can mount; the setting `SERVICES` selects among them.
   * @default the reference shop, with a warning
   */
  readonly services?: readonly ServiceDefinition[];
  /**
   * The .proto files of services that are not in this project but are called by gRPC, by the name under which
   * they are registered.
   * @default none
   * @example { inventory: new URL('./inventory.proto', import.meta.url) }
   */
  readonly protos?: Readonly<Record<string, URL | readonly URL[]>>;
  /**
   * How the services that this process calls are balanced, by the name under which they are registered.
   * @default `{ picker: 'auto' }` for each
   * @example { orders: { picker: 'prequal', canary: { version: '2', share: 0.05 } } }
   */
  readonly upstreams?: Upstreams;
  /**
   * The zone of this process, such as the name of its data centre: its services are registered with it, and
   * calls prefer instances of it.
   * @default none
   */
  readonly zone?: string | null;
  /**
   * What the OpenAPI document says of the API as a whole; false: neither `/openapi.json` nor `/docs` is
   * served.
   * @default title, version and description of the project's package.json
   * @example { title: 'Shop', securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } }
   */
  readonly openapi?: OpenApiOptions | false;
};

/**
 * Checks the services of a configuration and returns it. The settings are checked when the process reads
 * them.
 * @throws ConfigError for a value that is not a service, for two services of one name, for `protos` that are
 *   not files of a service, and for wrong `upstreams` and `openapi`
 * @example export default defineConfig({ services: [shop], rateLimit: '100/second' });
 */
export function defineConfig(config: ProjectConfig): ProjectConfig {
  if (typeof config !== 'object' || config === null) throw new ConfigError('defineConfig takes an object');
  const { services, protos, upstreams, openapi } = config;
  if (protos !== undefined) checkProtos(protos);
  if (upstreams !== undefined) checkUpstreams(upstreams);
  if (openapi !== undefined) checkOpenApi(openapi);
  if (services === undefined) return config;
  if (!Array.isArray(services)) throw new ConfigError('services must be an array of defineService(…)');
  const seen = new Set<string>();
  for (const [index, service] of services.entries()) {
    if (!isService(service)) {
      throw new ConfigError(`services[${index}] is not a service: wrap it in defineService(…)`);
    }
    if (seen.has(service.name)) throw new ConfigError(`service "${service.name}" is declared twice`);
    seen.add(service.name);
  }
  return config;
}

/** Whether a value may be what `defineService` has returned; it checks all members when it is loaded. */
function isService(value: Partial<ServiceDefinition> | null | undefined): value is ServiceDefinition {
  const { name, routes, fetch } = value ?? {};
  return typeof name === 'string' && (typeof routes === 'function' || fetch !== undefined);
}

/** @throws ConfigError for what is no list of files by service */
export function checkProtos(protos: unknown): void {
  requireObject(
    'protos',
    protos,
    "{ inventory: new URL('./inventory.proto', import.meta.url) }",
    configError,
  );
  for (const [service, files] of Object.entries(protos as object)) {
    if (!isServiceName(service))
      throw new ConfigError(`protos: ${describeValue(service)} is not a service name`);
    const all: unknown[] = [files].flat();
    if (all.length === 0 || !all.every((file) => file instanceof URL && file.protocol === 'file:'))
      throw new ConfigError(
        `protos: ${service} must be the URL of a file, or a list of them: ` +
          `new URL('./${service}.proto', import.meta.url), not ${describeValue(files)}`,
      );
  }
}
