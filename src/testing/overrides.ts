// What a test gives services instead of the real thing.
import type { Logger } from 'pino';
import type { Cpu, ServiceDefinition, ServiceDeps, ServiceMetrics } from '../api/service-definition.js';
import type { Shared } from '../api/shared.js';
import type { Database } from '../db/database.js';
import { ConfigError } from '../errors.js';
import type { Sagas } from '../saga/saga.js';
import type { ServiceClient } from '../upstream/call.js';
import type { Missing } from './missing-dependencies.js';

/**
 * Any of them, each as far as the test needs it: using a member that is not given is an error that says so.
 */
export interface DependencyOverrides {
  readonly db?: Partial<Database>;
  readonly sagas?: Partial<Sagas>;
  readonly cpu?: Partial<Cpu>;
  readonly call?: (service: string) => Partial<ServiceClient>;
  readonly metrics?: Partial<ServiceMetrics>;
  readonly shared?: Partial<Shared>;
  readonly log?: Logger;
}

/**
 * By name of the service; a function is handed what the service would have got, to put something around it.
 */
export type ServiceOverrides = Readonly<
  Record<string, DependencyOverrides | ((deps: ServiceDeps) => DependencyOverrides)>
>;

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

/** @throws ConfigError for a dependency that is none */
export function dressed(
  { name }: ServiceDefinition,
  deps: ServiceDeps,
  overrides: ServiceOverrides,
  missing: Missing,
): ServiceDeps {
  const override = Object.hasOwn(overrides, name) ? overrides[name]! : {};
  const given = typeof override === 'function' ? override(deps) : override;
  const dressing: Record<string, unknown> = {};
  for (const [dependency, value] of Object.entries(given)) {
    if (!KNOWN.has(dependency)) {
      throw new ConfigError(`deps.${name}.${dependency}: services have ${[...KNOWN].join(', ')}`);
    }
    if (value !== undefined) dressing[dependency] = whole(name, dependency, value, missing);
  }
  return { ...deps, ...dressing };
}

function whole(service: string, dependency: string, value: unknown, missing: Missing): unknown {
  if (dependency === 'log') return value;
  if (dependency !== 'call') return missing.rest(service, dependency, value as object);
  const call = value as NonNullable<DependencyOverrides['call']>;
  return (called: string) => missing.rest(service, dependency, call(called));
}
