// The registry of another process, by its admin plane. What this process announces is registered there as by
// any client, and renewed; a watch tells of every change. The registry there refuses what it would refuse of
// others: a service that is mounted there needs a token that was given for it.
import type { Announced, AnnouncedBody, FoundInstance } from './backend.js';
import { BackendLoop, type BackendOptions, keyOf, namesOf } from './backend-loop.js';

/** Requests to the admin plane of the other process. */
export interface RegistryClient {
  /** @throws Error when there is no response */
  request(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ readonly status: number; readonly json: unknown }>;
  /** @param ended the stream has ended, for whatever reason */
  watch(since: string, heard: (event: WatchEvent) => void, ended: (error: Error) => void): void;
  close(): void;
}

export interface WatchEvent {
  readonly type: string;
  readonly data: unknown;
}

export interface HttpBackendOptions extends BackendOptions {
  readonly open: () => RegistryClient;
}

interface Link {
  readonly client: RegistryClient;
  /** Why the watch has ended; undefined while it runs. */
  failure?: Error;
}

type Members = Readonly<Record<string, unknown>>;

/** Requests at the same time. */
const AT_A_TIME = 8;
const ROOT = '/registry/v1';
/** Tells in the metadata of an instance which process has announced it. */
const OWNER = 'multilane.owner';
const NOT_FOUND = 404;
/** From this status on the other process cannot do now what it was asked for. */
const UNABLE = 500;

const pathOf = (key: string): string => {
  const [service, id] = namesOf(key).map(encodeURIComponent);
  return `${ROOT}/services/${service}/instances/${id}`;
};

export class HttpBackend extends BackendLoop<Link> {
  readonly kind = 'http';
  readonly #options: HttpBackendOptions;
  /** What is registered there, with its state. */
  readonly #registered = new Map<string, AnnouncedBody['state']>();
  /** Names of instances of this process that another one has changed. */
  readonly #toCheck = new Set<string>();

  constructor(options: HttpBackendOptions) {
    super(options);
    this.#options = options;
  }

  protected override async connect(): Promise<Link> {
    const link: Link = { client: this.#options.open() };
    try {
      const revision = await this.#list(link);
      const ended = (error: Error): void => {
        link.failure = error;
        this.lost(link, error);
      };
      link.client.watch(revision, (event) => this.#heard(event), ended);
      // All are registered again: it is not known whether the last changes have arrived.
      this.announceMissing(new Set());
      for (const key of this.#registered.keys()) if (!this.own.has(key)) this.toWithdraw.set(key, false);
      return link;
    } catch (error) {
      link.client.close();
      throw error;
    }
  }

  protected override async work(link: Link): Promise<void> {
    if (link.failure !== undefined) throw link.failure;
    for (const [key, ofOthers] of [...this.toWithdraw]) {
      if (this.#registered.delete(key) || ofOthers) await this.#change(link, 'DELETE', key);
      this.toWithdraw.delete(key);
    }
    await this.send([this.takeDue()], (part) => inTurns(part, (instance) => this.#register(link, instance)));
    if (this.#toCheck.size > 0) await this.#check(link);
    if (this.clock() >= this.renewAt) await this.#renew(link);
  }

  protected override dueInMs(): number {
    return this.#toCheck.size > 0 ? 0 : super.dueInMs();
  }

  protected override async end(link: Link, isLast: boolean): Promise<void> {
    const leaving = isLast
      ? [...this.#registered.keys()].filter((key) => this.own.get(key)?.isStatic === false)
      : [];
    try {
      await Promise.all(leaving.map((key) => this.#change(link, 'DELETE', key)));
    } catch {
      // They expire.
    }
    link.client.close();
  }

  /** Registers an instance there, or its change. One that starts is not there yet. */
  async #register(link: Link, instance: Announced): Promise<void> {
    const key = keyOf(instance.service, instance.id);
    const { state, metadata, ...body } = instance.body;
    if (state === 'starting') {
      if (this.#registered.delete(key)) await this.#change(link, 'DELETE', key);
      return;
    }
    // The same registration would leave it draining.
    if (this.#registered.get(key) === 'draining' && state !== 'draining')
      await this.#change(link, 'DELETE', key);
    const ttlSeconds = instance.isStatic ? 0 : this.ttlSeconds;
    const marked = { ...recordOf(metadata), [OWNER]: this.owner };
    if (!(await this.#change(link, 'PUT', key, { ...body, metadata: marked, ttlSeconds }))) return;
    this.#registered.set(key, state);
    this.hasAnnounced([instance]);
    if (state === 'draining') await this.#change(link, 'PUT', key, undefined, '/drain');
  }

  async #renew(link: Link): Promise<void> {
    const due = [...this.own.keys()].filter(
      (key) => !this.ceded.has(key) && this.own.get(key)?.isStatic === false,
    );
    await inTurns(due, async (key) => {
      // One that was refused is tried again.
      const isThere =
        this.#registered.has(key) && (await this.#change(link, 'PUT', key, undefined, '/heartbeat'));
      if (!isThere) this.toAnnounce.add(key);
    });
    this.hasRenewed();
  }

  /** @returns whether it was done @throws Error when the other process cannot be reached, or is unable to */
  async #change({ client }: Link, method: string, key: string, body?: object, suffix = ''): Promise<boolean> {
    const { status, json } = await client.request(method, `${pathOf(key)}${suffix}`, body);
    if (status < 300) return true;
    if (status >= UNABLE) throw new Error(`the registry responded with status ${status}`);
    if (status !== NOT_FOUND) this.rejected(key, detailOf(json, status));
    return false;
  }

  /** What is not admitted is an answer there, not an error. */
  protected override isRefusal(): boolean {
    return false;
  }

  /** @returns the revision of the list */
  async #list({ client }: Link): Promise<string> {
    const { revision, services } = await this.#get(client, '/services');
    const found: Found[] = [];
    for (const service of Object.keys(recordOf(services)))
      found.push(...(await this.#instances(client, service)).values());
    this.#registered.clear();
    for (const { owner, service, id, body } of found) {
      if (owner !== this.owner) continue;
      this.#registered.set(keyOf(service, id), recordOf(body).state === 'draining' ? 'draining' : 'healthy');
    }
    this.listed(found.filter(({ owner }) => owner !== this.owner));
    return String(revision);
  }

  async #get(client: RegistryClient, path: string): Promise<Members> {
    const { status, json } = await client.request('GET', `${ROOT}${path}`);
    if (status !== 200) throw new Error(detailOf(json, status));
    return recordOf(json);
  }

  #heard({ type, data }: WatchEvent): void {
    const { service, id, instance } = recordOf(data);
    const { owner, ...found } = foundOf(String(service), instance);
    if (type === 'put' && owner === this.owner) return;
    const key = keyOf(found.service, type === 'put' ? found.id : String(id));
    // The event may be older than what this process has registered since.
    if (this.own.has(key)) this.#toCheck.add(key);
    else if (type === 'put') this.found(found);
    else this.gone(key);
    this.wake();
  }

  /** Reads what has become of instances of this process that others have changed. */
  async #check({ client }: Link): Promise<void> {
    const keys = [...this.#toCheck];
    this.#toCheck.clear();
    const services = new Map<string, ReadonlyMap<string, Found>>();
    for (const key of keys) {
      const [service, id] = namesOf(key);
      const known = services.get(service) ?? (await this.#instances(client, service));
      services.set(service, known);
      const found = known.get(id);
      if (found?.owner === this.owner) continue;
      this.#registered.delete(key);
      if (found === undefined) this.gone(key);
      else this.found(found);
    }
  }

  async #instances(client: RegistryClient, service: string): Promise<ReadonlyMap<string, Found>> {
    const { instances } = await this.#get(client, `/services/${encodeURIComponent(service)}`);
    if (!Array.isArray(instances)) throw new Error('the registry has responded with no list of instances');
    return new Map((instances as unknown[]).map((one) => foundOf(service, one)).map((one) => [one.id, one]));
  }
}

/** Does work for each item, for a few at a time. */
async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += AT_A_TIME)
    await Promise.all(items.slice(at, at + AT_A_TIME).map(work));
}

const recordOf = (value: unknown): Members =>
  typeof value === 'object' && value !== null ? (value as Members) : {};

interface Found extends FoundInstance {
  /** The process that has announced it, if one has. */
  readonly owner: unknown;
}

/** The view of an instance, as the body of its registration. */
function foundOf(service: string, view: unknown): Found {
  const { id, metadata: marked, ...body } = recordOf(view);
  const { [OWNER]: owner, ...metadata } = recordOf(marked);
  return { service, id: String(id), body: { ...body, metadata }, owner };
}

function detailOf(json: unknown, status: number): string {
  const { detail } = recordOf(json);
  return typeof detail === 'string' ? detail.slice(0, 200) : `the registry responded with status ${status}`;
}
