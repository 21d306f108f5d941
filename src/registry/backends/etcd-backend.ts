// A registry in etcd, by its HTTP gateway. Instances are keys below one prefix, bound to a lease of this
// process that is kept alive; a watch from the revision of the list tells of every change. When the lease or
// the watch is lost, another link gets a new lease, and lists and announces everything again.
import type { Announced, FoundInstance } from './backend.js';
import { BackendLoop, type BackendOptions, keyOf, namesOf } from './backend-loop.js';

/** Requests to one endpoint of the cluster. */
export interface EtcdClient {
  /**
   * @throws EtcdRefusal for a request that is not admitted; Error when there is no response, or another
   *   failure
   */
  post<R>(path: string, body: object): Promise<R>;
  /** @param ended the stream has ended, for whatever reason */
  watch(body: object, heard: (message: WatchMessage) => void, ended: (error: Error) => void): void;
  close(): void;
}

/** etcd does not admit a request. */
export class EtcdRefusal extends Error {}

export interface EtcdBackendOptions extends BackendOptions {
  /** Opens the next endpoint of the cluster, and logs in where that is needed. */
  readonly open: () => Promise<EtcdClient>;
}

interface KeyValue {
  readonly key: string;
  /** The revision of its last change. */
  readonly mod_revision?: string;
  readonly value?: string;
}

/** A message of a watch. */
export interface WatchMessage {
  readonly result?: {
    readonly canceled?: boolean;
    readonly cancel_reason?: string;
    readonly compact_revision?: string;
    readonly events?: readonly { readonly type?: 'PUT' | 'DELETE'; readonly kv: KeyValue }[];
  };
  readonly error?: { readonly message?: string };
}

interface Header {
  readonly header: { readonly revision: string };
}

interface Link {
  readonly client: EtcdClient;
  readonly lease: string;
  /** Why the watch has ended; undefined while it runs. */
  failure?: Error;
}

/** What a key holds. */
interface Stored {
  readonly owner: string;
  readonly body: unknown;
}

/** A change of another process: its revision, and what was put; undefined: it was removed. */
interface Meanwhile {
  readonly at: bigint;
  readonly put: FoundInstance | undefined;
}

const PREFIX = '/multilane/registry/v1/';
/** etcd admits 128 operations in a transaction by default. */
const MOST_OPERATIONS = 100;
/** Characters of the operations of a transaction. etcd admits 1.5 MiB in a request by default. */
const MOST_CHARACTERS = 500_000;
/** A watch may hang where nothing tells so: another link is made this often. */
const RELINK_MS = 30_000;

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const textOf = (encoded: string): string => Buffer.from(encoded, 'base64').toString();
const pathOf = (key: string): string => base64(PREFIX + namesOf(key).join('/'));
/** All keys below the prefix: the first key after them ends with the next character. */
const ALL = { key: base64(PREFIX), range_end: base64(`${PREFIX.slice(0, -1)}0`) };

export class EtcdBackend extends BackendLoop<Link> {
  readonly kind = 'etcd';
  readonly #options: EtcdBackendOptions;
  /** The lease of this process, which outlasts a link. */
  #lease: string | undefined;
  /**
   * The revisions at which this process has announced its instances: changes of before do not count any more.
   * While an announcement is under way, those of others that have come meanwhile.
   */
  readonly #announcedAt = new Map<string, bigint | Meanwhile[]>();

  constructor(options: EtcdBackendOptions) {
    super(options);
    this.#options = options;
  }

  protected override async connect(): Promise<Link> {
    const client = await this.#options.open();
    try {
      const link: Link = { client, lease: await this.#leaseOver(client) };
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
    if (this.clock() >= this.renewAt && !(await this.#renew(link.client, link.lease)))
      throw new Error('the lease of this process has expired');
    await this.#flushWithdrawn(link);
    const parts = partsOf(this.takeDue(), this.owner);
    await this.send(parts, (part) => this.#announce(link, part));
  }

  protected override isRefusal(error: unknown): boolean {
    return error instanceof EtcdRefusal;
  }

  protected override async end({ client, lease }: Link, isLast: boolean): Promise<void> {
    try {
      // The keys end with their lease.
      if (isLast) await client.post('/v3/lease/revoke', { ID: lease });
    } catch {
      // The lease ends by itself.
    }
    client.close();
  }

  /** @returns the lease of before, if it has not expired: then all that was announced is still there */
  async #leaseOver(client: EtcdClient): Promise<string> {
    if (this.#lease !== undefined && (await this.#renew(client, this.#lease))) return this.#lease;
    const { ID } = await client.post<{ ID: string }>('/v3/lease/grant', { TTL: this.ttlSeconds });
    this.#lease = ID;
    this.hasRenewed();
    return ID;
  }

  async #announce({ client, lease }: Link, part: readonly Announced[]): Promise<void> {
    const keys = part.map(({ service, id }) => keyOf(service, id));
    for (const key of keys) this.#announcedAt.set(key, []);
    const putOf = (one: Announced) => ({
      request_put: { ...storedAs(one, this.owner), ...(!one.isStatic && { lease }) },
    });
    let announcedAt = 0n;
    try {
      const { header } = await client.post<Header>('/v3/kv/txn', { success: part.map(putOf) });
      announcedAt = BigInt(header.revision);
      this.hasAnnounced(part);
    } finally {
      for (const key of keys) {
        const meanwhile = this.#announcedAt.get(key);
        this.#announcedAt.set(key, announcedAt);
        if (Array.isArray(meanwhile)) for (const one of meanwhile) this.#changed(key, one);
      }
    }
  }

  async #flushWithdrawn({ client, lease }: Link): Promise<void> {
    for (const [key, ofOthers] of [...this.toWithdraw]) {
      const path = pathOf(key);
      const success = [{ request_delete_range: { key: path } }];
      // What another process has announced since has another lease. A static instance has none.
      const compare = [lease, '0'].map((own) => [
        { key: path, target: 'LEASE', result: 'EQUAL', lease: own },
      ]);
      if (ofOthers) await client.post('/v3/kv/txn', { success });
      else for (const one of compare) await client.post('/v3/kv/txn', { compare: one, success });
      this.toWithdraw.delete(key);
      this.#announcedAt.delete(key);
    }
  }

  /** @returns the revision of the list */
  async #list({ client }: Link): Promise<string> {
    const { header, kvs = [] } = await client.post<Header & { kvs?: KeyValue[] }>('/v3/kv/range', ALL);
    const stored = kvs.map((one) => this.#storedOf(one));
    const mine = new Set(stored.filter(({ isMine }) => isMine).map(({ service, id }) => keyOf(service, id)));
    this.#announcedAt.clear();
    this.listed(stored.filter(({ isMine }) => !isMine));
    this.announceMissing(mine);
    return header.revision;
  }

  #heard(link: Link, { result, error }: WatchMessage): void {
    const { canceled, cancel_reason = 'the watch has ended', events = [] } = result ?? {};
    if (error !== undefined || canceled === true) {
      link.failure = new Error(error?.message ?? cancel_reason);
      this.lost(link, link.failure);
      return;
    }
    for (const { type, kv } of events) {
      const { isMine, ...instance } = this.#storedOf(kv);
      if (type !== 'DELETE' && isMine) continue;
      const at = BigInt(kv.mod_revision ?? 0);
      this.#changed(keyOf(instance.service, instance.id), {
        at,
        put: type === 'DELETE' ? undefined : instance,
      });
    }
    this.wake();
  }

  /** A change of another process, or the end of a lease. */
  #changed(key: string, change: Meanwhile): void {
    const announcedAt = this.#announcedAt.get(key);
    if (Array.isArray(announcedAt)) announcedAt.push(change);
    else if (announcedAt !== undefined && change.at < announcedAt) return;
    else if (change.put === undefined) this.gone(key);
    else this.found(change.put);
  }

  /** Anything may be in a key: what is no instance of ours is one that the registry refuses. */
  #storedOf({ key, value = '' }: KeyValue): FoundInstance & { readonly isMine: boolean } {
    const [service = '', ...rest] = textOf(key).slice(PREFIX.length).split('/');
    let stored: Partial<Stored> | undefined;
    try {
      stored = JSON.parse(textOf(value)) as Partial<Stored> | undefined;
    } catch {
      // It is refused without a body.
    }
    return { service, id: rest.join('/'), body: stored?.body, isMine: stored?.owner === this.owner };
  }

  /** @returns whether the lease has not expired */
  async #renew(client: EtcdClient, lease: string): Promise<boolean> {
    const { result } = await client.post<{ result?: { TTL?: string } }>('/v3/lease/keepalive', { ID: lease });
    this.hasRenewed();
    return Number(result?.TTL) > 0;
  }
}

/** The key and the value of an instance. */
const storedAs = ({ service, id, body }: Announced, owner: string) => ({
  key: pathOf(keyOf(service, id)),
  value: base64(JSON.stringify({ owner, body } satisfies Stored)),
});

/** Divides instances among transactions. */
function partsOf(instances: readonly Announced[], owner: string): Announced[][] {
  const parts: Announced[][] = [];
  let left = 0;
  for (const one of instances) {
    const { key, value } = storedAs(one, owner);
    const size = key.length + value.length;
    if (left < size || parts.at(-1)?.length === MOST_OPERATIONS) {
      parts.push([]);
      left = MOST_CHARACTERS;
    }
    parts.at(-1)!.push(one);
    left -= size;
  }
  return parts;
}
