// The registry of another process, by its admin plane (admin/process-routes.ts). One request announces,
// withdraws and renews, whatever the number of instances is, and its response tells what is not admitted. A
// watch tells of every change, with the process that owns the instance. It begins before everything is
// listed, so no change is missed, however many there are. The process there refuses what it would refuse of
// others: a service that is mounted there needs a token that was given for it.
import type { Announced, FoundInstance } from './backend.js';
import { BackendLoop, type BackendOptions, keyOf, namesOf } from './backend-loop.js';

/** Requests to the admin plane of the other process. */
export interface RegistryClient {
  /**
   * @returns the body of the response
   * @throws RegistryFailure for a response of another status than 2xx
   * @throws Error when there is no response
   */
  request(method: string, path: string, body?: object): Promise<unknown>;
  /**
   * Resolves when the stream has begun, and rejects as `request` does.
   * @param ended the stream has ended, for whatever reason
   */
  watch(path: string, heard: (event: WatchEvent) => void, ended: (error: Error) => void): Promise<void>;
  close(): void;
}

export interface WatchEvent {
  readonly type: string;
  /** The revision of the change. */
  readonly id: string;
  readonly data: unknown;
  /** Characters of the data. */
  readonly size: number;
}

/** The other process has responded that it does not do what it was asked for. */
export class RegistryFailure extends Error {
  override readonly name = 'RegistryFailure';

  constructor(
    readonly status: number,
    detail: string | undefined,
    /** Seconds after which it may be asked again, if it has told. */
    readonly retryAfterSeconds?: number | undefined,
  ) {
    super(detail?.slice(0, MOST_DETAIL) ?? `the registry responded with status ${status}`);
  }
}

export interface HttpBackendOptions extends BackendOptions {
  readonly open: () => RegistryClient;
}

interface Row extends FoundInstance {
  /** The process that has announced it; null: the registry itself has it, or a client of it. */
  readonly owner: unknown;
  readonly isLocal: boolean;
  /** Another one after each change. */
  readonly serial: string;
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

type Members = Readonly<Record<string, unknown>>;

const ROOT = '/registry/v1';
const MOST_DETAIL = 200;
/** No instance has it. */
const NO_SERIAL = '';
/** Changes that come within this time are processed together. */
const GATHER_MS = 10;
/** When more characters of changes wait than this, everything is listed instead. */
const MOST_HEARD = 1 << 25;
/** Bounds of a list. All instances that a process can have take fewer pages. */
const MOST_PAGES = 128;
const MOST_ROWS = 20_000;
/** Bounds of a request: the admin plane reads 64 KiB and 256 instances. */
const MOST_BYTES = 60_000;
const MOST_IN_REQUEST = 256;
/** The other process can read the request, and does not admit what it contains. */
const REFUSALS: ReadonlySet<number> = new Set([400, 413, 422]);
/** Neither the token nor the path become right by themselves, so requests with them are rare. */
const REJECTIONS: ReadonlySet<number> = new Set([401, 403, 404, 405]);
const AFTER_REJECTION_MS = 60_000;
const MOST_WAIT_MS = 300_000;
/** Something that was refused until it changes is tried again all the same: the rules may change. */
const AFTER_REFUSAL_MS = 60_000;

export class HttpBackend extends BackendLoop<Link> {
  readonly kind = 'http';
  readonly #options: HttpBackendOptions;
  #live: Link | undefined;
  /** The number of the last change at which each instance of this process is known to be its own there. */
  readonly #ownAt = new Map<string, number>();
  /** The serials of the instances of others, and of those that a client has removed here. */
  readonly #serials = new Map<string, string>();
  readonly #removed = new Map<string, string | undefined>();
  /** When instances that were not admitted are announced again. */
  readonly #againAt = new Map<string, number>();
  /** Until when the other process is not asked, and why. */
  #waits: { readonly until: number; readonly reason: Error } | undefined;

  constructor(options: HttpBackendOptions) {
    super(options);
    this.#options = options;
  }

  override remove(service: string, id: string): void {
    const key = keyOf(service, id);
    this.#removed.set(key, this.#serials.get(key));
    super.remove(service, id);
  }

  protected override async connect(): Promise<Link> {
    if (this.#waits !== undefined && this.clock() < this.#waits.until) throw this.#waits.reason;
    const link: Link = { client: this.#options.open(), heard: new Map(), heardSize: 0, mustList: false };
    this.#live = link;
    this.#ownAt.clear();
    this.#againAt.clear();
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

  protected override async work(link: Link): Promise<void> {
    try {
      await this.#work(link);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  async #work(link: Link): Promise<void> {
    if (link.failure !== undefined) throw link.failure;
    if (this.clock() >= this.renewAt) await this.#renew(link);
    if (link.mustList) await this.#list(link);
    this.#process(link);
    const withdrawn = [...this.toWithdraw].map(([key, ofOthers]) => {
      const [service, id] = namesOf(key);
      return { service, id, serial: ofOthers ? (this.#removed.get(key) ?? NO_SERIAL) : null };
    });
    for (const part of partsOf(withdrawn)) await this.#withdraw(link, part);
    this.#retry();
    const due = this.takeDue();
    await this.send(partsOf(due, requestOf), (part) => this.#announce(link, part));
  }

  protected override dueInMs(): number {
    const { heard, mustList } = this.#live!;
    if (mustList || heard.size > 0) return 0;
    return Math.min(super.dueInMs(), ...[...this.#againAt.values()].map((at) => at - this.clock()));
  }

  protected override async end(link: Link, isLast: boolean): Promise<void> {
    try {
      if (isLast) await link.client.request('DELETE', this.#path);
    } catch {
      // They expire.
    }
    link.client.close();
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
    const leastMs = REJECTIONS.has(status) ? AFTER_REJECTION_MS * (1 + this.#options.random()) : 0;
    const waitMs = Math.min(MOST_WAIT_MS, Math.max(leastMs, retryAfterSeconds * 1000));
    this.#waits = { until: this.clock() + waitMs, reason: error };
    return error;
  }

  /** Sends what is announced and withdrawn. Every such request renews all instances of this process. */
  async #put({ client }: Link, announced: readonly Announced[], withdrawn: readonly object[]) {
    const body = { ttlSeconds: this.ttlSeconds, announced: announced.map(requestOf), withdrawn };
    const { revision, count, refused } = recordOf(await client.request('PUT', this.#path, body));
    this.hasRenewed();
    const list = Array.isArray(refused) ? (refused as unknown[]).map(recordOf) : [];
    const byKey = new Map(list.map((one) => [keyOf(String(one.service), String(one.id)), one]));
    return { at: countOf(revision), count, refused: byKey };
  }

  async #renew(link: Link): Promise<void> {
    const { count } = await this.#put(link, [], []);
    const isThere = (key: string): boolean =>
      !this.ceded.has(key) && !this.refused.has(key) && !this.toAnnounce.has(key);
    const expected = [...this.own.keys()].filter(isThere).length;
    if (this.toWithdraw.size === 0 && count !== expected) link.mustList = true;
  }

  async #withdraw(link: Link, part: readonly Named[]): Promise<void> {
    const { refused } = await this.#put(link, [], part);
    for (const { service, id } of part) {
      const key = keyOf(service, id);
      this.toWithdraw.delete(key);
      this.#removed.delete(key);
      const refusal = refused.get(key);
      if (refusal === undefined) continue;
      // It is still there.
      link.mustList = true;
      this.rejected(key, detailOf(refusal));
    }
  }

  async #announce(link: Link, part: readonly Announced[]): Promise<void> {
    // The other process would close the connection instead of reading it.
    if (bytesOf(part.map(requestOf)) > MOST_BYTES)
      throw new RegistryFailure(413, 'it is larger than a request may be');
    const { at, refused } = await this.#put(link, part, []);
    for (const instance of part) {
      const key = keyOf(instance.service, instance.id);
      const refusal = refused.get(key);
      if (refusal !== undefined) this.#setAside(key, refusal);
      else {
        this.#ownAt.set(key, at);
        this.hasAnnounced([instance]);
      }
    }
  }

  /** An instance is not admitted now. */
  #setAside(key: string, refusal: Members): void {
    if (!this.own.has(key)) return;
    const { retryAfterSeconds } = refusal;
    const afterMs = typeof retryAfterSeconds === 'number' ? retryAfterSeconds * 1000 : AFTER_REFUSAL_MS;
    this.#againAt.set(key, this.clock() + Math.min(Math.max(afterMs, 1000), MOST_WAIT_MS));
    this.refused.add(key);
    this.rejected(key, detailOf(refusal));
  }

  #retry(): void {
    const now = this.clock();
    for (const [key, at] of this.#againAt) {
      if (this.own.has(key) && at > now) continue;
      this.#againAt.delete(key);
      if (this.refused.delete(key) && this.own.has(key)) this.toAnnounce.add(key);
    }
  }

  async #list(link: Link): Promise<void> {
    link.mustList = false;
    const rows = await this.#rows(link);
    const mine = new Set(
      rows.filter((row) => row.owner === this.owner).map((row) => keyOf(row.service, row.id)),
    );
    const others = rows.filter((row) => row.owner !== this.owner);
    this.#serials.clear();
    for (const { service, id, serial } of others) this.#serials.set(keyOf(service, id), serial);
    this.listed(others);
    this.announceMissing(mine);
  }

  async #rows({ client }: Link): Promise<readonly Row[]> {
    const rows: Row[] = [];
    let after = -1;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const { instances, next } = recordOf(await client.request('GET', `${ROOT}/instances?after=${after}`));
      if (!Array.isArray(instances)) throw new Error('the registry has responded with no list of instances');
      if (rows.length + instances.length > MOST_ROWS) break;
      for (const one of instances as unknown[]) rows.push(rowOf(one));
      if (next === null) return rows;
      after = Number(next);
    }
    throw new Error('the registry has responded with more instances than it can have');
  }

  #hear(link: Link, { type, id, data, size }: WatchEvent): void {
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

  /** Processes what was heard between two requests, so it is known which of the two came first. */
  #process(link: Link): void {
    const changes = [...link.heard];
    link.heard.clear();
    link.heardSize = 0;
    for (const [key, { count, row, isExpired }] of changes) {
      const own = this.own.get(key);
      if (row?.owner === this.owner) continue;
      // It may be older than what this process has announced since.
      if (own !== undefined && count <= (this.#ownAt.get(key) ?? -1)) link.mustList = true;
      else if (row !== undefined) {
        this.#serials.set(key, row.serial);
        this.found(row);
      }
      // This process was too late to renew it.
      else if (isExpired && own?.isLocal === false) this.toAnnounce.add(key);
      else this.gone(key);
    }
  }
}

interface Named {
  readonly service: string;
  readonly id: string;
}

const requestOf = ({ service, id, isLocal, body }: Announced): object => ({ service, id, isLocal, body });

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Divides items into parts, each for one request. @param sentOf what is sent of an item */
function partsOf<T>(items: readonly T[], sentOf: (item: T) => unknown = (item) => item): T[][] {
  const parts: T[][] = [];
  let room = 0;
  for (const item of items) {
    const bytes = bytesOf(sentOf(item)) + 1;
    const last = parts.at(-1);
    if (last === undefined || last.length >= MOST_IN_REQUEST || bytes > room) {
      parts.push([item]);
      room = MOST_BYTES - bytes;
    } else {
      last.push(item);
      room -= bytes;
    }
  }
  return parts;
}

const recordOf = (value: unknown): Members =>
  typeof value === 'object' && value !== null ? (value as Members) : {};

function rowOf(value: unknown): Row {
  const { service, id, owner, isLocal, serial, body } = recordOf(value);
  const names = { service: String(service), id: String(id), serial: String(serial) };
  return { ...names, owner, isLocal: isLocal === true, body };
}

/** The number of a change, which is the end of its revision. */
const countOf = (revision: unknown): number => Number(/-(\d{1,15})$/.exec(String(revision))?.[1] ?? 0);

const detailOf = ({ detail }: Members): string => String(detail).slice(0, MOST_DETAIL);
