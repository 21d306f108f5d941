// `defineService`: a mistake fails when the module is loaded, not when a request arrives.
import { ConfigError } from '../errors.js';
import { refuseUnknownMembers } from '../options.js';
import { planOf } from '../saga/definition.js';
import { isServiceName, SERVICE_NAME } from '../service-name.js';
import type { ServiceDefinition } from './service-definition.js';

/** The databases of PostgreSQL itself; a service of that name would share one of them. */
const RESERVED = new Set(['postgres', 'template0', 'template1']);

const MEMBERS = ['name', 'routes', 'migrations', 'tasks', 'sagas'];

/**
 * Checks a service and returns it, frozen.
 * @throws ConfigError for a definition that cannot work, naming the service and the member
 * @example
 *   export const shop = defineService({
 *     name: 'shop',
 *     migrations: new URL('./migrations/', import.meta.url),
 *     routes(app, { db }) {
 *       app.get('/items', () => db.many('select id, name from item'));
 *     },
 *   });
 */
export function defineService(definition: ServiceDefinition): ServiceDefinition {
  const { name, migrations, tasks, sagas = [] } = definition;
  if (!isServiceName(name)) {
    throw new ConfigError(`service name ${JSON.stringify(name)} must match ${SERVICE_NAME.source}`);
  }
  const fault = (what: string): ConfigError => new ConfigError(`service "${name}": ${what}`);
  if (RESERVED.has(name)) throw fault('this name belongs to a database of PostgreSQL itself');
  refuseUnknownMembers(definition, MEMBERS, fault);
  if (typeof definition.routes !== 'function') throw fault('routes must be a function (app, deps)');
  if (migrations !== undefined && !isFileUrl(migrations)) {
    throw fault("migrations must be a file URL, e.g. new URL('./migrations/', import.meta.url)");
  }
  if (tasks !== undefined && !isFileUrl(tasks)) {
    throw fault("tasks must be a file URL, e.g. new URL('./tasks.js', import.meta.url)");
  }
  if (!Array.isArray(sagas)) throw fault('sagas must be an array of defineSaga(…)');
  const seen = new Set<string>();
  for (const saga of sagas) {
    const { name: sagaName } = planOf(saga);
    if (seen.has(sagaName)) throw fault(`saga "${sagaName}" is declared twice`);
    seen.add(sagaName);
  }
  return Object.freeze({ ...definition });
}

const isFileUrl = (value: unknown): boolean => value instanceof URL && value.protocol === 'file:';

/** A service with migrations or sagas has a database of its own name. */
export const hasDatabase = ({ migrations, sagas = [] }: ServiceDefinition): boolean =>
  migrations !== undefined || sagas.length > 0;
