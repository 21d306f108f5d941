// What other processes have announced at this one, whose registry they share (`REGISTRY=http://…` there).
// Each instance carries the process that owns it, which renews all of its instances with one request. One
// that is not renewed in time expires, as that of a client does.
import { HttpError } from '../errors.js';
import type { ExpiryTimer } from './expiry.js';
import type { Instance, InstanceView } from './instance.js';
import type { InstanceTable } from './instance-table.js';

/** A process that announces an instance. */
export interface Announcer {
  readonly owner: string;
  /** It serves the instance itself; false for one that a client has registered there. */
  readonly isLocal: boolean;
  /** Seconds after which its instances expire unless it renews them. */
  readonly ttlSeconds: number;
}

export interface AnnouncedInstance {
  readonly service: string;
  readonly id: string;
  /** That of a registration, with the state: anything, because a stranger may have written it. */
  readonly body: unknown;
}

interface RegistryHands {
  readonly expiry: ExpiryTimer;
  readonly clock: () => number;
  readonly now: () => Date;
  enter(
    announced: AnnouncedInstance,
    announcer: Announcer,
    registrant: { readonly mayShadowLocal: boolean },
  ): Promise<void>;
  leave(instance: Instance): void;
  view(instance: Instance): InstanceView;
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
  readonly #hands: RegistryHands;

  constructor(table: InstanceTable, hands: RegistryHands) {
    this.#table = table;
    this.#hands = hands;
  }

  /**
   * Enters an instance that a process announces, or its change. A process that drains leaves its name to the
   * one that has announced it since: its successor at the same address.
   * @throws ValidationError; HttpError ADDRESS_NOT_ALLOWED, and OVERLOADED when there is no room for it, or
   *   its name is not resolved yet
   */
  async announce(
    announced: AnnouncedInstance,
    announcer: Announcer,
    registrant: { readonly mayShadowLocal: boolean },
  ): Promise<void> {
    const known = this.#table.find(announced.service, announced.id);
    const isOfOthers = known !== undefined && known.owner !== announcer.owner;
    if (isOfOthers && announcer.isLocal && stateOf(announced.body) === 'draining') return;
    await this.#hands.enter(announced, announcer, registrant);
  }

  /**
   * Removes an instance for a process: its own, or that of others which a client has removed there.
   * @param serial that of the instance of others, which stays when it has changed since
   * @throws HttpError ADDRESS_NOT_ALLOWED for one of others that a process itself serves
   */
  withdraw(owner: string, service: string, id: string, serial: number | undefined): void {
    const instance = this.#table.find(service, id);
    if (instance === undefined) return;
    const isOwn = instance.owner === owner;
    if (serial === undefined ? !isOwn : instance.serial !== serial) return;
    if (!isOwn && instance.isServed) throw servedInstance(instance);
    this.#hands.leave(instance);
  }

  /** Renews what a process has announced. @returns the number of its instances, static ones among them */
  renew(owner: string, ttlSeconds: number, isGranted: IsGranted): number {
    const expiresAt = this.#hands.clock() + ttlSeconds * 1000;
    const now = this.#hands.now();
    const all = this.#ownedBy(owner, isGranted);
    for (const instance of all) {
      instance.lastHeartbeat = now;
      if (instance.registration.ttlSeconds > 0) instance.expiresAt = expiresAt;
    }
    if (all.length > 0) this.#hands.expiry.noLaterThan(expiresAt);
    return all.length;
  }

  /** A process ends: all that it has announced leaves, but for static instances. */
  leave(owner: string, isGranted: IsGranted): void {
    for (const instance of this.#ownedBy(owner, isGranted))
      if (instance.registration.ttlSeconds > 0) this.#hands.leave(instance);
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
    const instances = rest
      .slice(0, count)
      .map((instance) => ({ service: instance.registration.service, view: this.#hands.view(instance) }));
    return { instances, next: count < rest.length ? rest[count - 1]!.slot : null };
  }

  #ownedBy(owner: string, isGranted: IsGranted): readonly Instance[] {
    return this.#table
      .all()
      .filter((instance) => instance.owner === owner && isGranted(instance.registration.service));
  }
}

/** What a process serves itself is changed by that process alone. */
export function servedInstance({ registration: { id }, local }: Instance): HttpError {
  return new HttpError(
    'ADDRESS_NOT_ALLOWED',
    `Instance ${id} is ${local ? 'this process itself' : 'another process itself, which alone may change it'}.`,
  );
}

const bytesInPage = ({ bytes, registration: { healthCheckUrl } }: Instance): number =>
  bytes + (healthCheckUrl?.length ?? 0) + MORE_BYTES;

const stateOf = (body: unknown): unknown => (body as { readonly state?: unknown } | null | undefined)?.state;
