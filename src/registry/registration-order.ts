// The order of operations on an instance. A registration waits until the name of its host is resolved, and
// others may come in that time: the one that has come last counts, not the one whose name was resolved last.

export interface Registering {
  readonly key: string;
  /** Another registration, or a removal, has come since. */
  isOvertaken: boolean;
  /** The instance was ordered to drain since. */
  drains: boolean;
}

export class RegistrationOrder {
  /** The latest registration of each instance whose name is being resolved. */
  readonly #latest = new Map<string, Registering>();

  begin(service: string, id: string): Registering {
    this.overtake(service, id);
    const registering = { key: keyOf(service, id), isOvertaken: false, drains: false };
    this.#latest.set(registering.key, registering);
    return registering;
  }

  /** The name is resolved, or is not. */
  end(registering: Registering): void {
    if (this.#latest.get(registering.key) === registering) this.#latest.delete(registering.key);
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
