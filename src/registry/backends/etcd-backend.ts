// A registry in etcd, by its HTTP gateway. Instances are keys below one prefix, bound to a lease of this
// process that is kept alive; a watch from the revision of the list tells of every change. When the lease or
// the watch is lost, everything is listed over another link, and announced again.
import { registrationIdOf } from '../registration.js';
import type { Announced, FoundInstance } from './backend.js';
import { BackendLoop, type BackendOptions } from './backend-loop.js';
import { type EtcdClient, EtcdRefusal, type KeyValue, type OpenEtcd, type WatchMessage } from './etcd-api.js';
import {
  ALL,
  type KeyRevision,
  keysBelow,
  NO_LEASE,
  partsOf,
  pathOf,
  removedOf,
  removedPathOf,
  revisionOf,
  storedAs,
  storedOf,
  valuesOf,
} from './etcd-keys.js';
import { grant, revoke } from './etcd-leases.js';
import { makeRoomFor, RemovalLeases, removedSince } from './etcd-removals.js';
import { keyOf } from './instance-key.js';
import type { Removed, Withdrawal } from './withdrawals.js';

export interface EtcdBackendOptions extends BackendOptions {
  /** One for each endpoint of the cluster. */
  readonly open: readonly OpenEtcd[];
}

/** The response to a transaction of transactions. */
interface Made {
  readonly header: { readonly revision: string };
  readonly responses?: readonly { readonly response_txn?: MadePart }[];
}

interface MadePart {
  readonly succeeded?: boolean;
  readonly responses?: readonly { readonly response_range?: { readonly kvs?: readonly KeyValue[] } }[];
}

interface Link {
  readonly client: EtcdClient;
  /** Why the watch has ended; undefined while it runs. */
  failure?: Error;
}

/** A change of another process: its revision, and what was put; undefined: the key was deleted. */
interface Meanwhile {
  readonly at: bigint;
  readonly put: ReturnType<typeof storedOf> | undefined;
}

/** etcd admits 128 operations in a transaction by default. */
const MOST_OPERATIONS = 100;
/** An endpoint that hangs must not keep another one from being tried. */
const OPEN_LIMIT_MS = 2_000;
/** A watch may hang where nothing tells so: another link is made this often. */
const RELINK_MS = 30_000;

export class EtcdBackend extends BackendLoop<Link> {
  readonly kind = 'etcd';
  readonly #options: EtcdBackendOptions;
  /** The endpoint of the last link. */
  #endpoint = 0;
  /**
   * The lease of this process, which outlasts a link: as long as it has not expired, all that was announced
   * is there. Undefined before anything is announced, so that an etcd without room is read nevertheless.
   */
  #lease: string | undefined;
  /** The link whose list is the last one: changes are heard over its watch. Undefined after an outage. */
  #listed: Link | undefined;
  /** The revisions at which this process has announced its instances: changes of before do not count. */
  readonly #announcedAt = new Map<string, bigint>();
  /** Changes of others that have come while an announcement of the same instance is under way. */
  readonly #meanwhile = new Map<string, Meanwhile[]>();
  /** The revision of the last list; undefined before the first one. */
  #listedAt: bigint | undefined;
  readonly #removalLeases = new RemovalLeases(this.clock);

  constructor(options: EtcdBackendOptions) {
    super(options);
    this.#options = options;
  }

  /** One endpoint that works is enough: the last one is tried first. */
  protected override async connect(): Promise<Link> {
    const { open } = this.#options;
    let failure: unknown;
    for (let n = 0; n < open.length; n += 1) {
      const isLast = n === open.length - 1;
      try {
        return await this.#connectTo(await open[this.#endpoint]!(isLast ? undefined : OPEN_LIMIT_MS));
      } catch (error) {
        failure = error;
        this.#endpoint = (this.#endpoint + 1) % open.length;
      }
    }
    throw failure as Error;
  }

  async #connectTo(client: EtcdClient): Promise<Link> {
    try {
      const link: Link = { client };
      if (this.#lease === undefined || !(await this.#renew(client))) {
        this.#lease = undefined;
        this.#removalLeases.clear();
      }
      this.relinkAt = this.clock() + RELINK_MS;
      const revision = await this.#list(link);
      const create_request = { ...ALL, start_revision: String(BigInt(revision) + 1n) };
      const ended = (error: Error): void => {
        link.failure = error;
        this.lost(link, error);
      };
      client.watch({ create_request }, (message) => this.#heard(link, message), ended);
      return link;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  protected override async work(link: Link): Promise<void> {
    if (link.failure !== undefined) throw link.failure;
    if (this.isRenewalDue && !(await this.#renew(link.client)))
      throw new Error('the lease of this process has expired');
    const withdrawals = this.toWithdraw.due(this.clock(), MOST_OPERATIONS);
    await this.sendWithdrawals([withdrawals], (part) => this.#withdraw(link, part));
    const parts = partsOf(this.own.takeDue(this.clock()), this.owner, MOST_OPERATIONS);
    await this.send(parts, (part) => this.#announce(link, part));
  }

  protected override isRefusal(error: unknown): boolean {
    return error instanceof EtcdRefusal;
  }

  protected override async end(link: Link, isLast: boolean): Promise<void> {
    if (this.#listed === link) this.#listed = undefined;
    if (isLast && this.#lease !== undefined) await revoke(link.client, this.#lease);
    link.client.close();
  }

  protected override cut({ client }: Link): void {
    client.close();
  }

  async #granted(client: EtcdClient): Promise<string> {
    const lease = await grant(client, this.ttlSeconds);
    this.hasRenewed();
    return lease;
  }

  async #announce({ client }: Link, part: readonly Announced[]): Promise<void> {
    const keys = part.map(({ service, id }) => keyOf(service, id));
    for (const key of keys) this.#meanwhile.set(key, []);
    try {
      this.#lease ??= await this.#granted(client);
      const lease = this.#lease;
      const success = part.map((one) => announcementOf(one, this.owner, lease));
      const { header, responses = [] } = await client.post<Made>('/v3/kv/txn', { success });
      const tooLate = (n: number): MadePart | undefined =>
        responses[n]?.response_txn?.succeeded === true ? responses[n].response_txn : undefined;
      const announced = part.filter((_, n) => tooLate(n) === undefined);
      for (const { service, id } of announced)
        this.#announcedAt.set(keyOf(service, id), BigInt(header.revision));
      this.hasAnnounced(announced);
      for (const [n, key] of keys.entries()) this.#cameTooLate(key, tooLate(n));
    } finally {
      for (const key of keys) {
        const changes = this.#meanwhile.get(key) ?? [];
        this.#meanwhile.delete(key);
        for (const one of changes) this.#changed(key, one);
      }
    }
  }

  /** A client has removed the registration, and may have registered another one since. */
  #cameTooLate(key: string, made: MadePart | undefined): void {
    if (made === undefined) return;
    this.gone(key);
    const kv = made.responses?.[0]?.response_range?.kvs?.[0];
    if (kv === undefined) return;
    const { at, version } = revisionOf(kv);
    const put = storedOf(key, kv.value, version);
    if (put.owner !== this.owner) this.#meanwhile.get(key)?.push({ at, put });
  }

  /**
   * Removes what is there now, if it is what was to be removed.
   * @returns what has changed meanwhile, so it has to be read again
   */
  async #withdraw({ client }: Link, part: readonly Withdrawal[]): Promise<readonly Withdrawal[]> {
    const removals = part.flatMap(([key, removed]) => (removed === undefined ? [] : [{ key, ...removed }]));
    const keys = removals.map(({ key }) => key);
    const present = await valuesOf(client, keys);
    if (removals.length > 0) await makeRoomFor(client, removals.length);
    const lease = removals.length > 0 ? await this.#removalLeases.next(client, removals) : undefined;
    const sent: Withdrawal[] = [];
    const success: object[] = [];
    for (const one of part) {
      const [key, removed] = one;
      const change =
        removed === undefined
          ? this.#withdrawalOf(key)
          : this.#removalOf(key, removed, present.get(key), lease!);
      if (change === undefined) continue;
      sent.push(one);
      success.push({ request_txn: change });
    }
    const { responses = [] } = success.length > 0 ? await client.post<Made>('/v3/kv/txn', { success }) : {};
    for (const [key] of part) if (!this.own.has(key)) this.#announcedAt.delete(key);
    return sent.filter(
      ([, removed], n) => removed !== undefined && responses[n]?.response_txn?.succeeded !== true,
    );
  }

  /** Deletes the key, unless another process has announced the instance since. */
  #withdrawalOf(key: string): object | undefined {
    const at = this.#announcedAt.get(key);
    if (at === undefined) return undefined;
    const target = { key: pathOf(key) };
    return { compare: [isAt(target, at)], success: [{ request_delete_range: target }] };
  }

  /** Remembers the removal, and deletes the key if that is meant, as it was read; undefined: of nothing. */
  #removalOf(
    key: string,
    removed: Removed,
    present: KeyValue | undefined,
    lease: string,
  ): object | undefined {
    const { at, version: presentVersion } = revisionOf(present ?? { key: pathOf(key) });
    const { found, owner } = storedOf(key, present?.value, presentVersion);
    const presentId = registrationIdOf(found.body);
    const { version, registrationIds } = removed;
    const reach = this.reachOf(key, removed);
    const isSame = version === presentVersion || (presentId !== null && registrationIds.includes(presentId));
    const isReached = reach === 'all' || (reach === 'own' && owner === this.owner) || isSame;
    const isMeant = present !== undefined && !found.isLocal && isReached;
    const ids = new Set(isMeant && presentId !== null ? [...registrationIds, presentId] : registrationIds);
    const puts = [...ids].map((id) => ({ request_put: { key: removedPathOf(key, id), lease } }));
    if (!isMeant && puts.length === 0) return undefined;
    const target = { key: pathOf(key) };
    const deleted = isMeant ? [{ request_delete_range: target }] : [];
    // Also where nothing was there: what is announced meanwhile may be what was removed.
    return { compare: [isAt(target, at)], success: [...puts, ...deleted] };
  }

  /** Reads the names of all, and the values of those that have changed. @returns the revision of the list */
  async #list(link: Link): Promise<string> {
    const { client } = link;
    const { revision, keys, isComplete } = await keysBelow(client);
    // After an outage another etcd may be there. Only leases tell its announcements from those of before.
    if (this.#listed === undefined) this.forgetVersions((version) => version.endsWith(`.${NO_LEASE}`));
    const isMine = ({ key, at, lease }: KeyRevision): boolean =>
      this.#announcedAt.get(key) === at && lease === this.#lease;
    const changed = keys.filter((one) => !isMine(one) && !this.isKnown(one.key, one.version));
    const names = changed.map(({ key }) => key);
    const values = await valuesOf(client, names, revision);
    const removed = this.#listedAt === undefined ? [] : await removedSince(client, this.#listedAt);
    this.#listed = link;
    this.#listedAt = BigInt(revision);
    const mine = new Set<string>();
    const others: FoundInstance[] = [];
    for (const one of keys) {
      const { key, at } = one;
      const stored = storedOf(key, values.get(key)?.value, one.version);
      if (isMine(one) || stored.owner === this.owner) {
        mine.add(key);
        this.#announcedAt.set(key, at);
      } else others.push(stored.found);
    }
    for (const key of this.#announcedAt.keys()) if (!mine.has(key)) this.#announcedAt.delete(key);
    this.listed(others, isComplete);
    for (const { key, registrationId } of removed) this.removed(key, registrationId);
    this.announceMissing(mine);
    return revision;
  }

  #heard(link: Link, { result, error }: WatchMessage): void {
    const { canceled, cancel_reason = 'the watch has ended', events = [] } = result ?? {};
    if (error !== undefined || canceled === true) {
      link.failure = new Error(error?.message ?? cancel_reason);
      this.lost(link, link.failure);
      return;
    }
    // A newer link has listed what this one may tell late.
    if (link !== this.#listed) return;
    for (const { type, kv } of events) {
      const removed = removedOf(kv);
      if (removed !== undefined) {
        if (type !== 'DELETE') this.removed(removed.key, removed.registrationId);
        continue;
      }
      const { key, at, version } = revisionOf(kv);
      const put = type === 'DELETE' ? undefined : storedOf(key, kv.value, version);
      if (put?.owner !== this.owner) this.#changed(key, { at, put });
    }
    this.wake();
  }

  /** A change of another process, or the end of a lease. */
  #changed(key: string, change: Meanwhile): void {
    const { at, put } = change;
    const meanwhile = this.#meanwhile.get(key);
    if (meanwhile !== undefined) meanwhile.push(change);
    else if (at < (this.#announcedAt.get(key) ?? 0n)) return;
    else if (put === undefined) this.expired(key);
    else this.found(put.found);
  }

  /** @returns whether the lease has not expired, if there is one */
  async #renew(client: EtcdClient): Promise<boolean> {
    const lease = this.#lease;
    if (lease === undefined) {
      this.hasRenewed();
      return true;
    }
    const { result } = await client.post<{ result?: { TTL?: string } }>('/v3/lease/keepalive', { ID: lease });
    this.hasRenewed();
    return Number(result?.TTL) > 0;
  }
}

/** Compares the revision of the last change of a key; 0: there is no such key. */
const isAt = ({ key }: { readonly key: string }, at: bigint): object => ({
  ...{ key, target: 'MOD', result: 'EQUAL' },
  mod_revision: String(at),
});

/**
 * Puts an instance, unless a client has removed the same registration meanwhile: then it has succeeded, and
 * reads what is there.
 */
function announcementOf(instance: Announced, owner: string, lease: string): object {
  const { key, value } = storedAs(instance, owner);
  const put = { request_put: { key, value, ...(!instance.isStatic && { lease }) } };
  const registrationId = registrationIdOf(instance.body);
  if (instance.isLocal || registrationId === null) return put;
  const removed = removedPathOf(keyOf(instance.service, instance.id), registrationId);
  const compare = [{ key: removed, target: 'MOD', result: 'GREATER', mod_revision: '0' }];
  return { request_txn: { compare, success: [{ request_range: { key } }], failure: [put] } };
}
