// `defineService`: a mistake fails when the module is loaded, not when a request arrives.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { builtFile } from '../built-file.js';
import { ConfigError } from '../errors.js';
import {
  checkOptions,
  checkValue,
  configError,
  type ErrorFactory,
  FUNCTION,
  type OptionKind,
  refuseUnknownMembers,
  requireObject,
  shapeOf,
} from '../options.js';
import { planOf } from '../saga/definition.js';
import { isFetchApplication } from '../server/fetch/fetch-application.js';
import type { Application } from '../server/handler.js';
import { unmountable } from '../server/node-style.js';
import { isServiceName, SERVICE_NAME } from '../service-name.js';
import { missingFile } from '../source-file.js';
import type { GrpcDefinition, ServiceDefinition, ServiceDeps } from './service-definition.js';

/** The databases of PostgreSQL itself; a service of that name would share one of them. */
const RESERVED = new Set(['postgres', 'template0', 'template1']);

const EXAMPLE = "{ name: 'shop', routes(app, deps) { … } }";
const MEMBERS = ['name', 'routes', 'fetch', 'migrations', 'tasks', 'grpc', 'sagas'];

const ROUTES: OptionKind = { ...FUNCTION, text: 'a function (app, deps)' };
const FETCH: OptionKind = {
  text: 'a function (request) => Response, or an application with a method fetch',
  is: isFetchApplication,
};
const SAGAS: OptionKind = { text: 'an array of defineSaga(…)', is: Array.isArray };
const isFileUrl = (value: unknown): boolean => value instanceof URL && value.protocol === 'file:';
const fileUrl = (example: string): OptionKind => ({
  text: `a file URL, e.g. new URL('${example}', import.meta.url)`,
  is: isFileUrl,
});

const GRPC = shapeOf<GrpcDefinition>(
  "{ proto: new URL('./shop.proto', import.meta.url), handlers: (deps) => ({ … }) }",
  {
    proto: {
      text: "a file URL, e.g. new URL('./shop.proto', import.meta.url), or a list of them",
      is: (value) => [value].flat().length > 0 && [value].flat().every(isFileUrl),
    },
    handlers: { ...FUNCTION, text: 'a function (deps) that returns handlers by service and method' },
  },
  ['proto', 'handlers'],
);

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
export function defineService<Routes = unknown>(
  definition: ServiceDefinition<Routes>,
): ServiceDefinition<Routes> {
  requireObject('defineService: the service', definition, EXAMPLE, configError);
  const { name, migrations, tasks, grpc, sagas = [] } = definition;
  // Without a name, another member is probably the misspelt name.
  if (name === undefined)
    refuseUnknownMembers(definition, MEMBERS, (reason) => new ConfigError(`defineService: ${reason}`));
  if (!isServiceName(name)) {
    throw new ConfigError(`service name ${JSON.stringify(name)} must match ${SERVICE_NAME.source}`);
  }
  const fault = (what: string): ConfigError => new ConfigError(`service "${name}": ${what}`);
  if (RESERVED.has(name)) throw fault('this name belongs to a database of PostgreSQL itself');
  refuseUnknownMembers(definition, MEMBERS, fault);
  const given: { readonly [member in keyof ServiceDefinition]: unknown } = definition;
  if (given.fetch !== undefined) checkFetch(given.fetch, fault);
  if (given.routes !== undefined || given.fetch === undefined)
    checkValue('routes', given.routes, ROUTES, fault);
  if (migrations !== undefined) checkValue('migrations', migrations, fileUrl('./migrations/'), fault);
  if (tasks !== undefined) checkValue('tasks', tasks, fileUrl('./tasks.js'), fault);
  const module = tasks && builtFile(tasks);
  if (module !== undefined && !existsSync(module))
    throw fault(`tasks: there is no file ${missingFile(fileURLToPath(module))}`);
  if (grpc !== undefined) checkGrpc(grpc, fault);
  checkValue('sagas', sagas, SAGAS, fault);
  const seen = new Set<string>();
  for (const saga of sagas) {
    const { name: sagaName } = planOf(saga);
    if (seen.has(sagaName)) throw fault(`saga "${sagaName}" is declared twice`);
    seen.add(sagaName);
  }
  return Object.freeze({ ...definition, ...(module !== undefined && { tasks: module }) });
}

function checkFetch(given: unknown, fault: ErrorFactory): void {
  const reason = unmountable(given);
  if (reason !== undefined) throw fault(`fetch: ${reason}`);
  checkValue('fetch', given, FETCH, fault);
}

function checkGrpc(given: GrpcDefinition, fault: ErrorFactory): void {
  const ofGrpc: ErrorFactory = (reason) => fault(`grpc: ${reason}`);
  checkOptions(given, GRPC, ofGrpc);
  for (const file of [given.proto].flat() as readonly URL[])
    if (!existsSync(file)) throw ofGrpc(`proto: there is no file ${missingFile(fileURLToPath(file))}`);
}

/** A service with migrations or sagas has a database of its own name. */
export const hasDatabase = ({ migrations, sagas = [] }: ServiceDefinition): boolean =>
  migrations !== undefined || sagas.length > 0;

/**
 * Declares the routes of a service.
 * @returns what its function has returned; a promise, which the application refuses, where it is async
 */
export function declareRoutes(service: ServiceDefinition, app: Application, deps: ServiceDeps): unknown {
  if (service.fetch !== undefined) app.mount('/', service.fetch);
  return service.routes?.(app, deps);
}
