// What other processes have announced at this one, whose registry they share (`REGISTRY=http://…` there).
// Each instance carries the process that owns it, which renews all of its instances with one request. One
// that is not renewed in time expires, as that of a client does.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { HttpError } from '../errors.js';
import type { ForeignInstances } from './foreign-instances.js';
import type { Instance, InstanceView } from './instance.js';
import type { InstanceLifecycle } from './instance-lifecycle.js';
import {
  type AnnouncedInstance,
  type Announcer,
  type Registrant,
  servedInstance,
} from './instance-source.js';
import type { InstanceTable } from './instance-table.js';
import { isOwner } from './process-owner.js';
import { assertInstanceName, registrationIdOf } from './registration.js';
import { MOST_IN_A_TURN, type RegistryPublication } from './registry-publication.js';
import type { Reach } from './removals.js';

/** A removal by a client of another process, as far as that knew the instance. */
export interface ClientRemoval {
  /** NaN: of no instance here. */
  readonly serial: number;
  readonly registrationIds: readonly string[];
  /** That of the instance. */
  readonly ttlSeconds: number;
  readonly reach: Reach;
}

/** A part of the list of all instances. */
export interface InstancesPage {
  readonly instances: readonly { readonly service: string; readonly view: InstanceView }[];
  /** Where the next page begins; null on the last one. */
  readonly next: number | null;
}

/** Bounds of a page, so that none takes the primary long. */
const MOST_IN_PAGE = 512;
const MOST_BYTES_IN_PAGE = 256 * 1024;
/** What an instance has in a page beside its URL and what it has in the snapshot. */
const MORE_BYTES = 256;

type IsGranted = (service: string) => boolean;

export class ProcessInstances {
  readonly #table: InstanceTable;
  readonly #lifecycle: InstanceLifecycle;
  readonly #foreign: ForeignInstances;
  readonly #publication: RegistryPublication;

  constructor(
    table: InstanceTable,
    lifecycle: InstanceLifecycle,
    foreign: ForeignInstances,
    publication: RegistryPublication,
  ) {
    this.#table = table;
    this.#lifecycle = lifecycle;
    this.#foreign = foreign;
    this.#publication = publication;
  }

  /** @throws HttpError ADDRESS_NOT_ALLOWED for a request with a secret that is not that of the owner */
  authenticate(owner: string, secret: string): void {
    if (isOwner(owner, secret)) return;
    throw new HttpError('ADDRESS_NOT_ALLOWED', 'The secret of the request is not that of this process.');
  }

  /**
   * Enters an instance that a process announces, or its change. A process that drains leaves its name to the
   * one that has announced it since: its successor at the same address.
   * @returns false when a client has removed it meanwhile, and this is no other registration
   * @throws ValidationError; HttpError ADDRESS_NOT_ALLOWED, and OVERLOADED when there is no room for it, or
   *   its name is not resolved yet
   */
  async announce(
    announced: AnnouncedInstance,
    announcer: Announcer,
    registrant: Registrant,
  ): Promise<boolean> {
    const { service, id, body } = announced;
    const known = this.#table.find(service, id);
    const isOfOthers = known !== undefined && known.owner !== announcer.owner;
    if (isOfOthers && announcer.isLocal && stateOf(body) === 'draining') return true;
    const isRemoved = (): boolean =>
      !announcer.isLocal && this.#lifecycle.removals.has(service, id, registrationIdOf(body));
    if (isRemoved()) return false;
    await this.#foreign.announced(announced, announcer, registrant);
    if (!isRemoved()) return true;
    // A client has removed it while its name was resolved.
    const entered = this.#table.find(service, id);
    if (entered?.owner === announcer.owner) this.#lifecycle.leave(entered);
    return false;
  }

  /** Removes an instance that a process has no more, unless another one has it by now. */
  withdraw(owner: string, service: string, id: string): void {
    const instance = this.#table.find(service, id);
    if (instance?.owner === owner) this.#lifecycle.leave(instance);
  }

  /**
   * Removes an instance for a client of a process. One that was registered later stays.
   * @throws ValidationError for a bad name; HttpError ADDRESS_NOT_ALLOWED for one that another process itself
   *   serves
   */
  remove(owner: string, service: string, id: string, removal: ClientRemoval): void {
    assertInstanceName(service, id);
    const { serial, registrationIds, ttlSeconds, reach } = removal;
    const instance = this.#table.find(service, id);
    for (const registrationId of registrationIds)
      this.#lifecycle.removals.add(service, id, registrationIdOf({ registrationId }), ttlSeconds);
    if (instance === undefined) return;
    const isOwn = instance.owner === owner;
    const { registrationId } = instance;
    const isKnown =
      instance.serial === serial || (registrationId !== null && registrationIds.includes(registrationId));
    if (reach !== 'all' && !(reach === 'own' && isOwn) && !isKnown) return;
    if (!isOwn && instance.isServed) throw servedInstance(instance);
    this.#lifecycle.remove(instance);
  }

  /** Renews what a process has announced. @returns the number of its instances, static ones among them */
  renew(owner: string, ttlSeconds: number, isGranted: IsGranted): number {
    const all = this.#ownedBy(owner, isGranted);
    this.#lifecycle.renewAll(all, ttlSeconds);
    return all.length;
  }

  /** A process ends: all that it has announced leaves, but for static instances. */
  async leave(owner: string, isGranted: IsGranted): Promise<void> {
    const leaving = this.#ownedBy(owner, isGranted).filter(({ registration }) => registration.ttlSeconds > 0);
    for (let n = 0; n < leaving.length; n += MOST_IN_A_TURN) {
      if (n > 0) await nextTurn();
      this.#publication.together(() => {
        for (const instance of leaving.slice(n, n + MOST_IN_A_TURN)) {
          const { service, id } = instance.registration;
          // It may have left in between, or be that of another process.
          const isThere = this.#table.find(service, id) === instance && instance.owner === owner;
          if (isThere) this.#lifecycle.leave(instance);
        }
      });
    }
  }

  /**
   * A page of all instances, in the order of their rows. One that changes its row while pages are read is
   * published as a change.
   * @param after `next` of the page before; -1 for the first one
   */
  page(after: number): InstancesPage {
    const rest = this.#table
      .all()
      .filter(({ slot }) => slot > after)
      .toSorted((a, b) => a.slot - b.slot);
    let bytes = 0;
    let count = 0;
    while (count < rest.length && count < MOST_IN_PAGE && bytes < MOST_BYTES_IN_PAGE)
      bytes += bytesInPage(rest[count++]!);
    const instances = rest.slice(0, count).map((instance) => ({
      service: instance.registration.service,
      view: this.#publication.view(instance),
    }));
    return { instances, next: count < rest.length ? rest[count - 1]!.slot : null };
  }

  #ownedBy(owner: string, isGranted: IsGranted): readonly Instance[] {
    return this.#table
      .all()
      .filter((instance) => instance.owner === owner && isGranted(instance.registration.service));
  }
}

const bytesInPage = ({ bytes, registration: { healthCheckUrl } }: Instance): number =>
  bytes + (healthCheckUrl?.length ?? 0) + MORE_BYTES;

const stateOf = (body: unknown): unknown => (body as { readonly state?: unknown } | null | undefined)?.state;
