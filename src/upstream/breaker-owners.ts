// Breakers that a service has by name, as operators see them: beside those of its instances, under an id that
// no instance can have, so one path and one label are enough for both.

import { isServiceName } from '../service-name.js';

/** Whatever has a breaker. */
export interface BreakerOwners {
  services(): Readonly<Record<string, number>>;
  instances(service: string): readonly { readonly id: string; readonly slot: number }[];
}

/** No instance's id holds it. */
const MARK = '~';

/** How its row is called. */
export const namedBreakerRow = (service: string, name: string): string => `${service} ${name}`;

/** Whose breaker a row is, by how it is called. */
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
 * All that have a breaker: instances, and what a service has named. A row whose name no service can have
 * written is left out: any code of the process can write the memory that it is in.
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
