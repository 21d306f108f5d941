// etcd, as far as a registry uses it: keys with leases, transactions, and a watch from a revision on.
import { base64, textOf } from '#src/etcd-text.js';
import type { OpenEtcd, WatchMessage } from '#src/registry/backends/etcd-api.js';
import type { Host } from './host.js';
import type { Network, Stream } from './network.js';

interface Stored {
  readonly key: string;
  readonly value: string;
  readonly lease: string;
  readonly mod_revision: string;
}

interface Operation {
  readonly request_put?: { readonly key: string; readonly value?: string; readonly lease?: string };
  readonly request_delete_range?: { readonly key: string };
  readonly request_range?: { readonly key: string; readonly revision?: string };
  readonly request_txn?: Transaction;
}

interface Transaction {
  /** Of the revision of a key. */
  readonly compare?: readonly {
    readonly key: string;
    readonly result: 'EQUAL' | 'GREATER';
    readonly mod_revision: string;
  }[];
  readonly success: readonly Operation[];
  readonly failure?: readonly Operation[];
}

interface Range {
  readonly key: string;
  readonly range_end: string;
  readonly limit?: number;
  readonly revision?: string;
  readonly min_mod_revision?: string;
}

/** What a revision has changed, and the keys as they were before. */
interface Past {
  readonly revision: number;
  readonly events: Events;
  readonly before: readonly (readonly [key: string, stored: Stored | undefined])[];
}

type Events = NonNullable<NonNullable<WatchMessage['result']>['events']>;

/** Revisions that a watch can begin at. */
const KEPT = 2_000;
const NO_LEASE = '0';
/** As docs/scaling.md has it. */
const PREFIX = '/multilane/registry/v1/';

export class EtcdServer {
  readonly #network: Network;
  #keys = new Map<string, Stored>();
  /** Until when each lease lasts, and for how long it was granted. */
  #leases = new Map<string, { until: number; readonly ttlMs: number }>();
  readonly #watches = new Set<Stream<WatchMessage>>();
  #history: Past[] = [];
  #revision = 1;
  #nextLease = 1;

  constructor(network: Network) {
    this.#network = network;
  }

  /** @returns what opens a connection */
  clientsOf(host: Host): readonly OpenEtcd[] {
    const open: OpenEtcd = async () => {
      let stream: Stream<WatchMessage> | undefined;
      return {
        post: <R>(path: string, body: object) =>
          this.#network.request(host, () => this.#serve(path, body) as R),
        watch: (body, heard, ended) => {
          const opened = this.#network.stream(host, heard, ended);
          stream = opened;
          const { create_request } = body as { create_request: { start_revision: string } };
          this.#network
            .request(host, () => this.#watch(opened, Number(create_request.start_revision)))
            .catch((error: unknown) => {
              opened.close();
              ended(error as Error);
            });
        },
        close: () => stream?.close(),
      };
    };
    return [open];
  }

  has(service: string, id: string): boolean {
    return this.#keys.has(base64(`${PREFIX}${service}/${id}`));
  }

  /** A member takes the lead: all leases begin again. */
  restarted(): void {
    for (const lease of this.#leases.values()) lease.until = this.#network.time.now + lease.ttlMs;
  }

  /** Everything is lost, and revisions begin again. */
  wipe(): void {
    this.#network.lostAt = this.#network.time.now;
    this.#keys = new Map();
    this.#leases = new Map();
    this.#history = [];
    this.#revision = 1;
  }

  #serve(path: string, body: object): object {
    const { ID = '', TTL = 0 } = body as { ID?: string; TTL?: number };
    switch (path) {
      case '/v3/lease/grant':
        return { ID: this.#grant(TTL * 1000) };
      case '/v3/lease/keepalive':
        return { result: this.#renew(ID) };
      case '/v3/lease/revoke':
        this.#expire(ID);
        return {};
      case '/v3/kv/range':
        return this.#range(body as Range);
      case '/v3/kv/txn':
        return this.#transact(body as Transaction);
      default:
        throw new Error(`etcd has no ${path}`);
    }
  }

  #header() {
    return { header: { revision: String(this.#revision) } };
  }

  #grant(ttlMs: number): string {
    const lease = String(this.#nextLease++);
    this.#leases.set(lease, { until: this.#network.time.now + ttlMs, ttlMs });
    this.#lookAt(lease);
    return lease;
  }

  /** Looks at a lease when it ends, unless it was renewed. */
  #lookAt(id: string): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    const leftMs = lease.until - this.#network.time.now;
    // A server that is stopped or hung does nothing.
    if (leftMs <= 0 && this.#network.state === 'up') this.#expire(id);
    else this.#network.time.schedule(Math.max(leftMs, 500), () => this.#lookAt(id));
  }

  #renew(id: string): { TTL?: string } {
    const lease = this.#leases.get(id);
    if (lease === undefined) return {};
    lease.until = this.#network.time.now + lease.ttlMs;
    return { TTL: String(lease.ttlMs / 1000) };
  }

  #expire(id: string): void {
    if (!this.#leases.delete(id)) return;
    const own = [...this.#keys.values()].filter(({ lease }) => lease === id);
    this.#commit(own.map(({ key }) => ({ request_delete_range: { key } })));
  }

  /** The keys as they were at a revision. */
  #keysAt(revision: number): ReadonlyMap<string, Stored> {
    if (revision >= this.#revision) return this.#keys;
    const keys = new Map(this.#keys);
    for (const { before, revision: at } of this.#history.toReversed()) {
      if (at <= revision) break;
      for (const [key, stored] of before) {
        if (stored === undefined) keys.delete(key);
        else keys.set(key, stored);
      }
    }
    return keys;
  }

  /** A page of the keys without their values, in their order, and how many there are. */
  #range({ key: from, range_end, limit, revision = String(this.#revision), ...range }: Range): object {
    const { min_mod_revision: since = '0' } = range;
    const [first, end] = [textOf(from), textOf(range_end)];
    const all = [...this.#keysAt(Number(revision)).values()]
      .filter((one) => textOf(one.key) >= first && textOf(one.key) < end)
      .filter((one) => Number(one.mod_revision) >= Number(since))
      .toSorted((a, b) => (textOf(a.key) < textOf(b.key) ? -1 : 1));
    const kvs = all.slice(0, limit).map(({ key, mod_revision, lease }) => ({ key, mod_revision, lease }));
    return { header: { revision }, kvs, count: String(all.length) };
  }

  #transact(transaction: Transaction): object {
    const chosen = transaction.success.map((operation) =>
      operation.request_txn === undefined ? undefined : this.#chosen(operation.request_txn),
    );
    const responses = transaction.success.map(({ request_range: range }, n) => {
      if (chosen[n] !== undefined) {
        const { succeeded, operations } = chosen[n];
        const read = operations.map(({ request_range: one }) => (one === undefined ? {} : this.#read(one)));
        return { response_txn: { succeeded, responses: read } };
      }
      return range === undefined ? {} : this.#read(range);
    });
    this.#commit(transaction.success.flatMap((operation, n) => chosen[n]?.operations ?? [operation]));
    return { ...this.#header(), responses };
  }

  #read({ key, revision = String(this.#revision) }: Pick<Range, 'key' | 'revision'>): object {
    const found = this.#keysAt(Number(revision)).get(key);
    return { response_range: { kvs: found === undefined ? [] : [found] } };
  }

  /** Whether the comparisons of a transaction hold, and its operations. */
  #chosen({ compare = [], success, failure = [] }: Transaction) {
    const succeeded = compare.every(({ key, result, mod_revision }) => {
      const at = Number(this.#keys.get(key)?.mod_revision ?? 0);
      return result === 'EQUAL' ? at === Number(mod_revision) : at > Number(mod_revision);
    });
    return { succeeded, operations: succeeded ? success : failure };
  }

  #commit(operations: readonly Operation[]): void {
    const mod_revision = String(this.#revision + 1);
    const events: Events[number][] = [];
    const before: [string, Stored | undefined][] = [];
    for (const { request_put: put, request_delete_range: range } of operations) {
      if (put !== undefined) {
        const { key, value = '', lease = NO_LEASE } = put;
        if (lease !== NO_LEASE && !this.#leases.has(lease)) throw new Error('requested lease not found');
        const kv = { key, value, lease, mod_revision };
        before.push([key, this.#keys.get(key)]);
        this.#keys.set(key, kv);
        events.push({ kv });
      } else if (range !== undefined && this.#keys.has(range.key)) {
        before.push([range.key, this.#keys.get(range.key)]);
        this.#keys.delete(range.key);
        events.push({ type: 'DELETE', kv: { key: range.key, mod_revision } });
      }
    }
    if (events.length === 0) return;
    this.#revision += 1;
    this.#history.push({ revision: this.#revision, events, before });
    if (this.#history.length > 2 * KEPT) this.#history = this.#history.slice(-KEPT);
    for (const watch of this.#watches) {
      if (watch.isOpen) watch.send({ result: { events } });
      else this.#watches.delete(watch);
    }
  }

  #watch(stream: Stream<WatchMessage>, from: number): void {
    const first = this.#history[0]?.revision ?? this.#revision + 1;
    if (from < first) {
      stream.send({ result: { canceled: true, compact_revision: String(first) } });
      return;
    }
    for (const { revision, events } of this.#history)
      if (revision >= from) stream.send({ result: { events } });
    this.#watches.add(stream);
  }
}
