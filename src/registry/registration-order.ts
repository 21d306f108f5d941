// The order of operations on an instance. A registration waits until the name of its host is resolved, and
// others may come in that time. The one that has come last counts, not the one whose name was resolved last;
// one that is refused does not count.
import type { Registration } from './registration.js';
import type { RegistryDependencies } from './registry-dependencies.js';

/**
 * How long a client waits before the look-up of its name begins. Other processes announce many instances at
 * a time, and give up after five seconds, so those do not wait as long.
 */
const PATIENCE_MS = 10_000;

/** The operations on an instance while a registration of it waits. Each has a number, in their order. */
interface Operations {
  /** Registrations that wait. */
  waiting: number;
  last: number;
  /** The last registration or removal that counts. */
  done: number;
  /** The last order to drain. */
  drained: number;
  /** When the instance has left the process that had announced it: what a client registers here stays. */
  left: number;
}

interface Entering<T> {
  readonly registration: Registration;
  /** The address that the instance has. */
  readonly known: string | undefined;
  /** Another process has announced the instance. */
  readonly isMirrored: boolean;
  /**
   * Is not called when a later registration or removal has come meanwhile. `drains`: the instance was ordered
   * to drain meanwhile.
   */
  readonly enter: (address: string, drains: boolean) => T;
}

export class RegistrationOrder {
  readonly #instances = new Map<string, Operations>();
  readonly #addresses: RegistryDependencies['addresses'];

  constructor(addresses: RegistryDependencies['addresses']) {
    this.#addresses = addresses;
  }

  /**
   * Checks the address of an instance, which may take a while, and enters it then.
   * @returns what `enter` returns; undefined when it was not called
   * @throws HttpError ADDRESS_NOT_ALLOWED; what `enter` throws
   */
  async entered<T>({ registration, known, isMirrored, enter }: Entering<T>): Promise<T | undefined> {
    const key = keyOf(registration.service, registration.id);
    const operations = this.#instances.get(key) ?? { waiting: 0, last: 0, done: 0, drained: 0, left: 0 };
    this.#instances.set(key, operations);
    operations.waiting += 1;
    operations.last += 1;
    const number = operations.last;
    try {
      const placeMs = isMirrored ? undefined : PATIENCE_MS;
      const address = await this.#addresses.admit(registration, known, placeMs);
      if (operations.done > number || (isMirrored && operations.left > number)) return undefined;
      const entered = enter(address, operations.drained > number);
      operations.done = number;
      return entered;
    } finally {
      operations.waiting -= 1;
      if (operations.waiting === 0) this.#instances.delete(key);
    }
  }

  /** An instance is removed. @returns whether a registration of it waits, which does not count any more */
  remove(service: string, id: string): boolean {
    const operations = this.#instances.get(keyOf(service, id));
    if (operations === undefined) return false;
    operations.last += 1;
    operations.done = operations.last;
    return true;
  }

  /** An instance has left the process that had announced it. */
  leave(service: string, id: string): void {
    const operations = this.#instances.get(keyOf(service, id));
    if (operations === undefined) return;
    operations.last += 1;
    operations.left = operations.last;
  }

  /** An instance is ordered to drain. @returns whether a registration of it waits, which will do so, too */
  drain(service: string, id: string): boolean {
    const operations = this.#instances.get(keyOf(service, id));
    if (operations === undefined) return false;
    operations.last += 1;
    operations.drained = operations.last;
    return true;
  }
}

const keyOf = (service: string, id: string): string => `${service} ${id}`;
