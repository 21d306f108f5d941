// Instances that other processes have announced: in the registry that all share, or at this process, whose
// registry they share. They are checked like registrations of clients.
import { HttpError } from '../errors.js';
import { isSame } from './instance.js';
import type { InstanceLifecycle } from './instance-lifecycle.js';
import {
  type AnnouncedInstance,
  type Announcer,
  needsToken,
  type Registrant,
  servedInstance,
} from './instance-source.js';
import type { InstanceTable } from './instance-table.js';
import { isOfSameSecret } from './process-owner.js';
import { parseRegistration, type Registration, registrationIdOf } from './registration.js';
import type { RegistrationOrder } from './registration-order.js';

/** What another process has announced, and may therefore be entered here. */
export interface MirrorRights extends Registrant {
  /** The other process serves the instance itself; otherwise a client has registered it there. */
  readonly isServed: boolean;
}

/** An instance to be entered. */
interface Foreign extends Registrant {
  readonly isServed: boolean;
  /** The process that has announced it at this one. */
  readonly announcer: Announcer | undefined;
  /** @throws HttpError ADDRESS_NOT_ALLOWED when it must not be entered now */
  readonly refuse: () => void;
}

export class ForeignInstances {
  readonly #table: InstanceTable;
  readonly #orders: RegistrationOrder;
  readonly #lifecycle: InstanceLifecycle;

  constructor(table: InstanceTable, orders: RegistrationOrder, lifecycle: InstanceLifecycle) {
    this.#table = table;
    this.#orders = orders;
    this.#lifecycle = lifecycle;
  }

  /**
   * Enters an instance that another process has announced. It is checked like a registration, stays until
   * `unmirror`, and replaces one that was registered here before.
   * @param body that of a registration, with the state: anything, because a stranger may have written it
   * @throws ValidationError; HttpError ADDRESS_NOT_ALLOWED, and OVERLOADED when the registry is full
   */
  mirror(service: string, id: string, body: unknown, rights: MirrorRights): Promise<void> {
    const { isServed, mayShadowLocal } = rights;
    const refuse = (): void => {
      if (this.#table.find(service, id)?.local === true) throw announcedTwice(id);
      if (!isServed && !mayShadowLocal && this.#table.isMounted(service)) throw needsToken(service);
    };
    return this.#entered({ service, id, body }, { ...rights, announcer: undefined, refuse });
  }

  /** Enters an instance that a process has announced at this one, with the rights of its token. */
  announced(instance: AnnouncedInstance, announcer: Announcer, registrant: Registrant): Promise<void> {
    const { service, id } = instance;
    const { isLocal: isServed, owner } = announcer;
    const { mayShadowLocal } = registrant;
    const refuse = (): void => {
      const known = this.#table.find(service, id);
      if (known?.local === true) throw announcedTwice(id);
      if (known?.isServed === true && !isServed && known.owner !== owner) throw servedInstance(known);
      const isServedByOthers = isServed
        ? this.#isServedByStrangers(service, owner)
        : this.#table.isServed(service);
      if (isServedByOthers && !mayShadowLocal) throw needsToken(service);
    };
    return this.#entered(instance, { isServed, announcer, mayShadowLocal, refuse });
  }

  /** Whether this process serves a service itself, or one that does not trust the owner. */
  #isServedByStrangers(service: string, owner: string): boolean {
    return this.#table
      .ofService(service)
      .some((one) => one.isServed && !(one.owner !== null && isOfSameSecret(one.owner, owner)));
  }

  /** An instance has left another process, or was removed there. */
  unmirror(service: string, id: string): void {
    this.#orders.leave(service, id);
    const instance = this.#table.find(service, id);
    if (instance === undefined || instance.local || instance.owner !== null) return;
    // Others know it already.
    instance.isMirrored = true;
    this.#lifecycle.leave(instance);
  }

  async #entered({ service, id, body }: AnnouncedInstance, foreign: Foreign): Promise<void> {
    const { isServed, announcer, refuse } = foreign;
    const registration = parseRegistration(service, id, body);
    refuse();
    const known = this.#table.find(service, id);
    const enter = (address: string): void => {
      refuse();
      this.#enter(registration, address, body, foreign);
    };
    const isOwn = known?.isMirrored === true && known.owner === (announcer?.owner ?? null);
    // The same again is no operation: it must not count as one that has come after a client's.
    if (isOwn && known.isServed === isServed && isSame(known, registration)) enter(known.address);
    else await this.#orders.entered({ registration, known: known?.address, isMirrored: true, enter });
  }

  #enter(registration: Registration, address: string, body: unknown, foreign: Foreign): void {
    const { isServed, announcer, mayShadowLocal } = foreign;
    const { state } = body as { readonly state?: unknown };
    const told = state === 'starting' || state === 'draining' ? state : 'healthy';
    const isProbed = registration.healthCheckPath !== null;
    const origin = isServed ? 'served' : 'mirrored';
    const first = isProbed ? 'starting' : told;
    const registrationId = isServed ? null : registrationIdOf(body);
    const source = { origin, announcer, registrationId, mayShadowLocal } as const;
    const entered = this.#lifecycle.enter(registration, address, first, source);
    if (told === 'draining' || !isProbed) this.#lifecycle.setState(entered, told);
    else if (entered.state === 'draining') {
      this.#lifecycle.setState(entered, 'starting');
      // Probes report changes only.
      this.#lifecycle.probeAnew(entered);
    }
  }
}

const announcedTwice = (id: string): HttpError =>
  new HttpError(
    'ADDRESS_NOT_ALLOWED',
    `Instance ${id} is this process itself, and another process announces it, too: a successor, or one with the same ADVERTISE_HOST and port.`,
  );
