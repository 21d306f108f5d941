// The owners of breakers as operators see them: instances of a service, and the breakers that a service has
// named, under an id that no instance can have. So one path and one metric label serve both.

import { isServiceName } from '../service-name.js';

/** Services with the owners of their breakers. */
export interface BreakerOwners {
  services(): Readonly<Record<string, number>>;
  instances(service: string): readonly { readonly id: string; readonly slot: number }[];
}

/** The ids of instances never contain it. */
const MARK = '~';

/** @returns the name of the row of a named breaker */
export const namedBreakerRow = (service: string, name: string): string => `${service} ${name}`;

/** @returns the owner of a row, from its name */
export function namedBreakerOwner(
  row: string | undefined,
): { readonly service: string; readonly id: string } | undefined {
  if (row === undefined) return undefined;
  const [service = '', name = ''] = row.split(' ');
  return { service, id: MARK + name };
}

interface Row {
  readonly slot: number;
  readonly name: string;
}

/**
 * @returns the instances of the registry together with the named breakers. A row whose name no service can
 *   have written is omitted: any code of the process can write to the shared memory.
 */
export function withNamedBreakers(registry: BreakerOwners, list: () => readonly Row[]): BreakerOwners {
  const named = () =>
    list()
      .map(({ slot, name }) => ({ slot, ...namedBreakerOwner(name)! }))
      .filter(({ service }) => isServiceName(service));
  return {
    services() {
      const services: Record<string, number> = { ...registry.services() };
      for (const { service } of named()) services[service] ??= 0;
      return services;
    },
    instances: (service) => [
      ...registry.instances(service),
      ...named().filter((one) => one.service === service),
    ],
  };
}
