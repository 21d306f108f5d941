// A registry in etcd, by its HTTP gateway. Instances are keys below one prefix, bound to a lease of this
// process that is kept alive; a watch from the revision of the list tells of every change. When the lease or
// the watch is lost, another link gets a new lease, and lists and announces everything again.
import type { Announced, FoundInstance } from './backend.js';
import { BackendLoop, keyOf, namesOf } from './backend-loop.js';

/** Requests to one endpoint of the cluster. */
export interface EtcdClient {
  /** @throws Error when there is no response, or one with a failure */
  post<R>(path: string, body: object): Promise<R>;
  /** @param ended the stream has ended, for whatever reason */
  watch(body: object, heard: (message: WatchMessage) => void, ended: (error: Error) => void): void;
  close(): void;
}

export interface EtcdBackendOptions {
  /** Opens the next endpoint of the cluster, and logs in where that is needed. */
  readonly open: () => Promise<EtcdClient>;
  /** Names this process; no other one has the same. */
  readonly owner: string;
  /** Seconds after which instances of a process that does not renew them have left. @default 15 */
  readonly ttlSeconds?: number;
  readonly random: () => number;
}

interface KeyValue {
  readonly key: string;
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

const TTL_SECONDS = 15;
const RENEWALS = 3;
const PREFIX = '/multilane/registry/v1/';
/** etcd admits 128 operations in a transaction by default. */
const MOST_OPERATIONS = 100;
/** A watch may hang where nothing tells so: everything is listed this often. */
const LIST_MS = 30_000;

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const textOf = (encoded: string): string => Buffer.from(encoded, 'base64').toString();
const pathOf = (key: string): string => base64(PREFIX + namesOf(key).join('/'));
/** All keys below the prefix: the first key after them ends with the next character. */
const ALL = { key: base64(PREFIX), range_end: base64(`${PREFIX.slice(0, -1)}0`) };

export class EtcdBackend extends BackendLoop<Link> {
  readonly kind = 'etcd';
  readonly #options: EtcdBackendOptions;
  readonly #ttlSeconds: number;
  #renewAt = 0;
  #listAt = 0;

  constructor(options: EtcdBackendOptions) {
    super(options.random);
    this.#options = options;
    this.#ttlSeconds = options.ttlSeconds ?? TTL_SECONDS;
  }

  protected override async connect(): Promise<Link> {
    const client = await this.#options.open();
    try {
      const { ID: lease } = await client.post<{ ID: string }>('/v3/lease/grant', { TTL: this.#ttlSeconds });
      const link: Link = { client, lease };
      const revision = await this.#list(link);
      const create_request = { ...ALL, start_revision: String(BigInt(revision) + 1n) };
      const ended = (error: Error): void => {
        link.failure = error;
        this.lost(link, error);
      };
      client.watch({ create_request }, (message) => this.#heard(link, message), ended);
      // Those that are there have the lease of before.
      this.announceMissing(new Set());
      this.#renewed();
      return link;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  protected override async work(link: Link): Promise<void> {
    if (link.failure !== undefined) throw link.failure;
    await this.#flushWithdrawn(link);
    await this.#flushAnnounced(link);
    if (performance.now() >= this.#listAt) await this.#list(link);
    if (performance.now() >= this.#renewAt) await this.#renew(link);
  }

  protected override dueInMs(): number {
    return Math.min(this.#renewAt, this.#listAt) - performance.now();
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

  async #flushAnnounced({ client, lease }: Link): Promise<void> {
    const all = [...this.toAnnounce].map((key) => this.own.get(key)!);
    this.toAnnounce.clear();
    const put = ({ service, id, body, isStatic }: Announced) => ({
      request_put: {
        key: pathOf(keyOf(service, id)),
        value: base64(JSON.stringify({ owner: this.#options.owner, body } satisfies Stored)),
        ...(!isStatic && { lease }),
      },
    });
    for (let at = 0; at < all.length; at += MOST_OPERATIONS)
      await client.post('/v3/kv/txn', { success: all.slice(at, at + MOST_OPERATIONS).map(put) });
    this.hasAnnounced(all.map(({ service, id }) => keyOf(service, id)));
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
    }
  }

  /** @returns the revision of the list */
  async #list({ client }: Link): Promise<string> {
    this.#listAt = performance.now() + LIST_MS;
    const { header, kvs = [] } = await client.post<Header & { kvs?: KeyValue[] }>('/v3/kv/range', ALL);
    const stored = kvs.map((one) => this.#storedOf(one));
    const mine = new Set(stored.filter(({ isMine }) => isMine).map(({ service, id }) => keyOf(service, id)));
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
      const stored = this.#storedOf(kv);
      if (type === 'DELETE') this.gone(keyOf(stored.service, stored.id));
      else if (!stored.isMine) this.found(stored);
    }
    this.wake();
  }

  /** Anything may be in a key: what is no instance of ours is one that the registry refuses. */
  #storedOf({ key, value = '' }: KeyValue): FoundInstance & { readonly isMine: boolean } {
    const [service = '', id = ''] = textOf(key).slice(PREFIX.length).split('/');
    let stored: Partial<Stored> | undefined;
    try {
      stored = JSON.parse(textOf(value)) as Partial<Stored> | undefined;
    } catch {
      // It is refused without a body.
    }
    return { service, id, body: stored?.body, isMine: stored?.owner === this.#options.owner };
  }

  async #renew({ client, lease }: Link): Promise<void> {
    const { result } = await client.post<{ result?: { TTL?: string } }>('/v3/lease/keepalive', { ID: lease });
    if (!(Number(result?.TTL) > 0)) throw new Error('the lease of this process has expired');
    this.#renewed();
  }

  #renewed(): void {
    const jitter = 0.9 + 0.2 * this.#options.random();
    this.#renewAt = performance.now() + (this.#ttlSeconds * 1000 * jitter) / RENEWALS;
  }
}
