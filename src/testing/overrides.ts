// The dependencies that a test passes to services instead of the real ones.
import type { Logger } from 'pino';
import type { Cpu, ServiceDefinition, ServiceDeps, ServiceMetrics } from '../api/service-definition.js';
import type { Shared } from '../api/shared.js';
import type { Database } from '../db/database.js';
import { ConfigError } from '../errors.js';
import type { Sagas } from '../saga/saga.js';
import type { ClientOptions, ServiceClient, StreamedCallResponse } from '../upstream/call.js';
import { type NamedService, nameOf } from '../upstream/called-name.js';
import type { MissingDependencies } from './missing-dependencies.js';

/** Some of the methods of a client. One that only makes whole responses, or only streamed ones, is enough. */
export type ClientStub = {
  readonly [Method in keyof ServiceClient]?: (
    ...given: Parameters<ServiceClient[Method]>
  ) => ReturnType<ServiceClient[Method]> | Promise<StreamedCallResponse>;
};

/**
 * Replacements for dependencies, each with the members that the test needs. The use of another member throws
 * a MissingDependencyError that names it.
 */
export interface DependencyOverrides {
  readonly db?: Partial<Database>;
  readonly sagas?: Partial<Sagas>;
  readonly cpu?: Partial<Cpu>;
  /**
   * Gets the name of the called service, also where it is called by its definition. The path of such a call
   * is that of the route, and its option `params` has the values.
   */
  readonly call?: (service: string, options?: ClientOptions) => ClientStub;
  readonly metrics?: Partial<ServiceMetrics>;
  readonly shared?: Partial<Shared>;
  readonly log?: Logger;
}

/**
 * Replacements by the name of the service. A function gets the real dependencies, so that it can wrap them.
 * @example { users: { call: () => ({ get: () => Promise.reject(new Error('no users')) }) } }
 * @example { users: ({ db }) => ({ db: { ...db, query: counted(db.query) } }) }
 */
export type ServiceOverrides = Readonly<
  Record<string, DependencyOverrides | ((deps: ServiceDeps) => DependencyOverrides)>
>;

/** The names of all dependencies that a test may replace. */
const KNOWN = new Set(['db', 'sagas', 'cpu', 'call', 'metrics', 'shared', 'log']);

/** @throws ConfigError for a service that is not mounted */
export function checkOverrides(overrides: ServiceOverrides, services: readonly ServiceDefinition[]): void {
  const names = services.map(({ name }) => name);
  for (const name of Object.keys(overrides)) {
    if (!names.includes(name)) {
      throw new ConfigError(`deps.${name}: no service of this name is mounted (${names.join(', ')})`);
    }
  }
}

/**
 * The dependencies of a service with the replacements of the test. @throws ConfigError for an unknown name
 */
export function withOverrides(
  { name }: ServiceDefinition,
  deps: ServiceDeps,
  overrides: ServiceOverrides,
  missing: MissingDependencies,
): ServiceDeps {
  const override = Object.hasOwn(overrides, name) ? overrides[name]! : {};
  const given = typeof override === 'function' ? override(deps) : override;
  const replaced: Record<string, unknown> = {};
  for (const [dependency, value] of Object.entries(given)) {
    if (!KNOWN.has(dependency)) {
      throw new ConfigError(`deps.${name}.${dependency}: services have ${[...KNOWN].join(', ')}`);
    }
    if (value !== undefined) replaced[dependency] = complete(name, dependency, value, missing);
  }
  return { ...deps, ...replaced };
}

/**
 * Wraps a replacement: when a service uses a member that it does not have, a MissingDependencyError is
 * thrown. A logger is not wrapped.
 */
function complete(
  service: string,
  dependency: string,
  value: unknown,
  missing: MissingDependencies,
): unknown {
  if (dependency === 'log') return value;
  if (dependency !== 'call') return missing.complete(service, dependency, value as object);
  const call = value as NonNullable<DependencyOverrides['call']>;
  return (called: string | NamedService, options?: ClientOptions) =>
    missing.complete(service, dependency, call(nameOf(called), options));
}
