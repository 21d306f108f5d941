// The registry of another process, by its admin plane (admin/process-routes.ts). One request announces,
// withdraws and renews, whatever the number of instances is, and its response tells what is not admitted. A
// watch tells of every change, with the process that owns the instance. It begins before everything is
// listed, so no change is missed, however many there are. The process there refuses what it would refuse of
// others: a service that is mounted there needs a token that was given for it.
import { ownerOf } from '../process-owner.js';
import type { Announced } from './backend.js';
import { BackendLoop, type BackendOptions, MOST_KNOWN } from './backend-loop.js';
import {
  bytesOf,
  countOf,
  detailOf,
  type Members,
  MOST_BYTES,
  partsOf,
  type RegistryClient,
  RegistryFailure,
  type Row,
  recordOf,
  requestOf,
  rowOf,
  type WatchEvent,
  withdrawalOf,
} from './http-api.js';
import { keyOf, namesOf } from './instance-key.js';
import type { Withdrawal } from './withdrawals.js';

export interface HttpBackendOptions extends BackendOptions {
  /**
   * With it this process proves that it has announced its instances. Processes with the same one may serve
   * the same services, and take the names of each other over.
   */
  readonly secret: string;
  /** @param secret is sent with each request */
  readonly open: (secret: string) => RegistryClient;
}

interface Change {
  /** The number of the change. */
  readonly count: number;
  /** undefined: it has left. */
  readonly row: Row | undefined;
  /** It has left because it was not renewed in time. */
  readonly isExpired: boolean;
}

interface Link {
  readonly client: RegistryClient;
  /** The last change of each instance that is not processed yet, and the characters of all of them. */
  readonly heard: Map<string, Change>;
  heardSize: number;
  mustList: boolean;
  /** Why the watch has ended; undefined while it runs. */
  failure?: Error;
}

const ROOT = '/registry/v1';
/** Changes that come within this time are processed together. */
const GATHER_MS = 10;
/** When more characters of changes wait than this, everything is listed instead. */
const MOST_HEARD = 1 << 25;
/** Withdrawals of one turn. */
const MOST_WITHDRAWN = 256;
/** Bounds of a list. All instances that a process can have take fewer pages. */
const MOST_PAGES = 128;
/** The other process can read the request, and does not admit what it contains. */
const REFUSALS: ReadonlySet<number> = new Set([400, 413, 422]);
/** Neither the token nor the path become right by themselves, so requests with them are rare. */
const REJECTIONS: ReadonlySet<number> = new Set([401, 403, 404, 405]);
const AFTER_REJECTION_MS = 60_000;
const MOST_WAIT_MS = 300_000;

export class HttpBackend extends BackendLoop<Link> {
  readonly kind = 'http';
  readonly #options: HttpBackendOptions;
  #live: Link | undefined;
  /** The number of the last change at which each instance of this process is known to be its own there. */
  readonly #ownAt = new Map<string, number>();
  /** The revision of the last change that was heard. What was removed later may have been in an outage. */
  #heardUpTo = '';
  /** Until when the other process is not asked, and why. */
  #waits: { readonly until: number; readonly reason: Error } | undefined;

  constructor(options: HttpBackendOptions) {
    super({ ...options, owner: ownerOf(options.secret, options.owner) });
    this.#options = options;
  }

  protected override async connect(): Promise<Link> {
    if (this.#waits !== undefined && this.clock() < this.#waits.until) throw this.#waits.reason;
    const { open, secret } = this.#options;
    const link: Link = { client: open(secret), heard: new Map(), heardSize: 0, mustList: false };
    this.#live = link;
    this.#ownAt.clear();
    const ended = (error: Error): void => {
      link.failure = error;
      this.lost(link, error);
    };
    try {
      await link.client.watch(`${ROOT}/instances/watch`, (event) => this.#hear(link, event), ended);
      await this.#list(link);
    } catch (error) {
      link.client.close();
      throw this.#noted(error);
    }
    return link;
  }

  /** Everything is listed over the same link. */
  protected override async relink(link: Link): Promise<Link> {
    link.mustList = true;
    return link;
  }

  protected override async work(link: Link): Promise<void> {
    try {
      await this.#work(link);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  async #work(link: Link): Promise<void> {
    if (link.failure !== undefined) throw link.failure;
    if (this.isRenewalDue) await this.#renew(link);
    if (link.mustList) await this.#list(link);
    this.#process(link);
    const withdrawals = partsOf(this.toWithdraw.due(this.clock(), MOST_WITHDRAWN), (one) =>
      withdrawalOf(one),
    );
    await this.sendWithdrawals(withdrawals, (part) => this.#withdraw(link, part));
    const due = this.own.takeDue(this.clock());
    await this.send(partsOf(due, requestOf), (part) => this.#announce(link, part));
  }

  protected override dueInMs(): number {
    const { heard, mustList } = this.#live!;
    return mustList || heard.size > 0 ? 0 : super.dueInMs();
  }

  protected override async end(link: Link, isLast: boolean): Promise<void> {
    try {
      if (isLast) await link.client.request('DELETE', this.#path);
    } catch {
      // They expire.
    }
    link.client.close();
  }

  protected override cut({ client }: Link): void {
    client.close();
  }

  protected override isRefusal(error: unknown): boolean {
    return error instanceof RegistryFailure && REFUSALS.has(error.status);
  }

  get #path(): string {
    return `${ROOT}/processes/${encodeURIComponent(this.owner)}`;
  }

  /** Notes for how long the other process is not to be asked. */
  #noted(error: unknown): unknown {
    if (!(error instanceof RegistryFailure) || this.isRefusal(error)) return error;
    const { status, retryAfterSeconds = 0 } = error;
    const leastMs = REJECTIONS.has(status) ? AFTER_REJECTION_MS * (1 + this.random()) : 0;
    const waitMs = Math.min(MOST_WAIT_MS, Math.max(leastMs, retryAfterSeconds * 1000));
    this.#waits = { until: this.clock() + waitMs, reason: error };
    return error;
  }

  /** Sends what is announced and withdrawn. Every such request renews all instances of this process. */
  async #put({ client }: Link, announced: readonly Announced[], withdrawn: readonly object[]) {
    const body = { ttlSeconds: this.ttlSeconds, announced: announced.map(requestOf), withdrawn };
    const { revision, count, refused, removed } = recordOf(await client.request('PUT', this.#path, body));
    this.hasRenewed();
    return { at: countOf(revision), count, refused: byKey(refused), removed: byKey(removed) };
  }

  async #renew(link: Link): Promise<void> {
    const expected = this.presentCount;
    const { count } = await this.#put(link, [], []);
    if (expected !== undefined && count !== expected) link.mustList = true;
  }

  async #withdraw(link: Link, part: readonly Withdrawal[]): Promise<readonly []> {
    const reachOf = ([key, removed]: Withdrawal) => removed && this.reachOf(key, removed);
    const withdrawn = part.map((one) => withdrawalOf(one, reachOf(one)));
    const { refused } = await this.#put(link, [], withdrawn);
    for (const [key] of part) {
      this.#ownAt.delete(key);
      const refusal = refused.get(key);
      if (refusal === undefined) continue;
      // It is still there.
      link.mustList = true;
      this.rejected(key, detailOf(refusal));
    }
    return [];
  }

  async #announce(link: Link, part: readonly Announced[]): Promise<void> {
    // The other process would close the connection instead of reading it.
    if (bytesOf(part.map(requestOf)) > MOST_BYTES)
      throw new RegistryFailure(413, 'it is larger than a request may be');
    const { at, refused, removed } = await this.#put(link, part, []);
    for (const instance of part) {
      const key = keyOf(instance.service, instance.id);
      const refusal = refused.get(key);
      if (removed.has(key)) this.gone(key);
      else if (refusal !== undefined) this.#setAside(key, refusal);
      else {
        if (this.own.has(key)) this.#ownAt.set(key, at);
        this.hasAnnounced([instance]);
      }
    }
  }

  /** An instance is not admitted now. */
  #setAside(key: string, refusal: Members): void {
    const { retryAfterSeconds } = refusal;
    const isWait = typeof retryAfterSeconds === 'number' && retryAfterSeconds > 0;
    const afterMs = isWait ? Math.min(retryAfterSeconds * 1000, MOST_WAIT_MS) : undefined;
    this.refuse(key, detailOf(refusal), afterMs);
  }

  async #list(link: Link): Promise<void> {
    link.mustList = false;
    const { rows, removed } = await this.#rows(link);
    const mine = new Set(
      rows.filter((row) => row.owner === this.owner).map((row) => keyOf(row.service, row.id)),
    );
    this.listed(rows.filter((row) => row.owner !== this.owner));
    for (const key of removed) if (!mine.has(key)) this.#hasLeft(key);
    this.announceMissing(mine);
  }

  async #rows({ client }: Link): Promise<{ readonly rows: Row[]; readonly removed: readonly string[] }> {
    const rows: Row[] = [];
    const removed: string[] = [];
    let query = `after=-1&since=${encodeURIComponent(this.#heardUpTo)}`;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const path = `${ROOT}/instances?${query}`;
      const { instances, next, removed: left } = recordOf(await client.request('GET', path));
      if (!Array.isArray(instances)) throw new Error('the registry has responded with no list of instances');
      if (rows.length + instances.length > MOST_KNOWN) break;
      for (const one of instances as unknown[]) rows.push(rowOf(one));
      for (const { service, id } of Array.isArray(left) ? (left as unknown[]).map(rowOf) : [])
        removed.push(keyOf(service, id));
      if (removed.length > MOST_KNOWN) break;
      if (next === null) return { rows, removed };
      query = `after=${Number(next)}`;
    }
    throw new Error('the registry has responded with more instances than it can have');
  }

  #hear(link: Link, { type, id, data, size }: WatchEvent): void {
    this.#heardUpTo = id;
    const row = rowOf(data);
    const change = {
      count: countOf(id),
      row: type === 'put' ? row : undefined,
      isExpired: recordOf(data).isExpired === true,
    };
    link.heard.set(keyOf(row.service, row.id), change);
    link.heardSize += size;
    if (link.heardSize > MOST_HEARD) {
      link.heard.clear();
      link.heardSize = 0;
      link.mustList = true;
    }
    this.wake(GATHER_MS);
  }

  /**
   * A client has removed it, or its process has ended. What is to be announced here may be of a client that
   * has renewed it: the other process knows whether that is too late.
   */
  #hasLeft(key: string): void {
    if (!this.own.isDue(key)) this.gone(key);
  }

  /** Processes what was heard between two requests, so it is known which of the two came first. */
  #process(link: Link): void {
    const changes = [...link.heard];
    link.heard.clear();
    link.heardSize = 0;
    for (const [key, { count, row, isExpired }] of changes) {
      const own = this.own.get(key);
      if (row?.owner === this.owner) continue;
      if (row === undefined) this.own.freed(namesOf(key)[0]);
      // It may be older than what this process has announced since.
      if (own !== undefined && count <= (this.#ownAt.get(key) ?? -1)) link.mustList = true;
      else if (row !== undefined) this.found(row);
      else if (isExpired) this.expired(key);
      else this.#hasLeft(key);
      if (!this.own.has(key)) this.#ownAt.delete(key);
    }
  }
}

/** The members of a list, by their service and id. */
function byKey(list: unknown): ReadonlyMap<string, Members> {
  const members = Array.isArray(list) ? (list as unknown[]).map(recordOf) : [];
  return new Map(members.map((one) => [keyOf(String(one.service), String(one.id)), one]));
}
