// The order of operations on an instance. A registration waits until the name of its host is resolved, and
// others may come in that time: the one that has come last counts, not the one whose name was resolved last.

import type { Registration } from './registration.js';
import type { RegistryDependencies } from './registry-dependencies.js';

interface Registering {
  readonly key: string;
  /** Another registration, or a removal, has come since. */
  isOvertaken: boolean;
  /** The instance was ordered to drain since. */
  drains: boolean;
}

export class RegistrationOrder {
  /** The latest registration of each instance whose name is being resolved. */
  readonly #latest = new Map<string, Registering>();
  readonly #addresses: RegistryDependencies['addresses'];

  constructor(addresses: RegistryDependencies['addresses']) {
    this.#addresses = addresses;
  }

  /**
   * Checks the address of an instance, which may take a while.
   * @param known the address that the instance has
   * @returns its address, and whether it was ordered to drain meanwhile; undefined when another registration
   *   or a removal came
   * @throws HttpError ADDRESS_NOT_ALLOWED
   */
  async resolved(
    registration: Registration,
    known: string | undefined,
  ): Promise<{ readonly address: string; readonly drains: boolean } | undefined> {
    const mine = this.#begin(registration.service, registration.id);
    let address: string;
    try {
      address = await this.#addresses.admit(registration, known);
    } finally {
      if (this.#latest.get(mine.key) === mine) this.#latest.delete(mine.key);
    }
    return mine.isOvertaken ? undefined : { address, drains: mine.drains };
  }

  #begin(service: string, id: string): Registering {
    this.overtake(service, id);
    const registering = { key: keyOf(service, id), isOvertaken: false, drains: false };
    this.#latest.set(registering.key, registering);
    return registering;
  }

  /** @returns whether a registration was under way */
  overtake(service: string, id: string): boolean {
    const latest = this.#latest.get(keyOf(service, id));
    if (latest === undefined) return false;
    latest.isOvertaken = true;
    this.#latest.delete(latest.key);
    return true;
  }

  drain(service: string, id: string): void {
    const latest = this.#latest.get(keyOf(service, id));
    if (latest !== undefined) latest.drains = true;
  }
}

const keyOf = (service: string, id: string): string => `${service} ${id}`;
