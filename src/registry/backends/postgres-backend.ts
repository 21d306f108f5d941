// A registry in PostgreSQL. One session listens for the names of instances that have changed and makes all
// statements, one after the other: it fetches what has changed, announces, withdraws and renews. When the
// session is lost another one is made, which lists everything again. So what a process knows and what it has
// announced are right soon after every outage, whatever was lost in it.
import type { Announced, BackendEvents, FoundInstance, RegistryBackend } from './backend.js';
import {
  ANNOUNCE,
  CHANNEL,
  CREATE,
  EXISTS,
  FETCH,
  LIST,
  LISTEN,
  RENEW,
  WITHDRAW,
  WITHDRAW_ALL,
} from './registry-sql.js';

/** A session with the server; `LimitedClient` of src/db. */
export interface RegistrySession {
  connect(): Promise<void>;
  query<R extends object>(text: string, values?: unknown[]): Promise<{ readonly rows: R[] }>;
  end(): Promise<void>;
}

/** @param heard gets the payload of each notification @param lost the session has ended */
export type OpenSession = (
  heard: (channel: string, payload: string) => void,
  lost: (error: Error) => void,
) => RegistrySession;

export interface PostgresBackendOptions {
  readonly open: OpenSession;
  /** Names this process; no other one has the same. */
  readonly owner: string;
  /** Seconds after which instances of a process that does not renew them have left. @default 15 */
  readonly ttlSeconds?: number;
  readonly random: () => number;
}

interface Row extends FoundInstance {
  readonly owner: string;
  readonly revision?: string;
}

const TTL_SECONDS = 15;
/** How often rows are renewed in their time. */
const RENEWALS = 3;
/** The longest wait before the next attempt to connect. */
const MOST_BACKOFF_MS = 1_000;
const FIRST_BACKOFF_MS = 100;
/** Notifications that come within this time are fetched together. */
const GATHER_MS = 10;

const keyOf = (service: string, id: string): string => `${service} ${id}`;
const namesOf = (keys: Iterable<string>): [services: string[], ids: string[]] => {
  const names = [...keys].map((key) => key.split(' '));
  return [names.map(([service = '']) => service), names.map(([, id = '']) => id)];
};

export class PostgresBackend implements RegistryBackend {
  readonly kind = 'postgres';
  readonly #options: PostgresBackendOptions;
  readonly #ttlSeconds: number;
  #events: BackendEvents | undefined;
  #session: RegistrySession | undefined;
  /** What this process announces. */
  readonly #own = new Map<string, Announced>();
  readonly #toAnnounce = new Set<string>();
  /** Whether the row may be that of another process, by its key. */
  readonly #toWithdraw = new Map<string, boolean>();
  readonly #toFetch = new Set<string>();
  #mustList = true;
  #renewAt = 0;
  /** The number of the last change that is certainly known, and how many were notified since. */
  #revision = 0;
  #heard = 0;
  /** The number of the last change at the last renewal. Until the next one, all up to it are notified. */
  #revisionBefore = 0;
  #isRunning = false;
  #isClosing = false;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PostgresBackendOptions) {
    this.#options = options;
    this.#ttlSeconds = options.ttlSeconds ?? TTL_SECONDS;
  }

  start(events: BackendEvents): void {
    this.#events = events;
    this.#wake(0);
  }

  announce(instance: Announced): void {
    const key = keyOf(instance.service, instance.id);
    this.#own.set(key, instance);
    this.#toWithdraw.delete(key);
    this.#toAnnounce.add(key);
    this.#wake(0);
  }

  withdraw(service: string, id: string): void {
    this.#remove(keyOf(service, id), false);
  }

  remove(service: string, id: string): void {
    this.#remove(keyOf(service, id), true);
  }

  #remove(key: string, ofOthers: boolean): void {
    this.#own.delete(key);
    this.#toAnnounce.delete(key);
    this.#toWithdraw.set(key, ofOthers);
    this.#wake(0);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    const session = this.#session;
    try {
      await session?.query(WITHDRAW_ALL, [this.#options.owner]);
    } catch {
      // Others remove the rows when they have expired.
    }
    await session?.end();
  }

  /** Runs after `ms`, or earlier when that was asked for. */
  #wake(ms: number): void {
    if (this.#isClosing || this.#isRunning || this.#events === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#run(), ms).unref();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      const session = this.#session ?? (await this.#connected());
      this.#session = session;
      if (this.#isClosing) await session.end();
      else await this.#work(session);
    } catch (error) {
      await this.#failed(error as Error);
    } finally {
      this.#isRunning = false;
      this.#wake(this.#pauseMs());
    }
  }

  #pauseMs(): number {
    if (this.#failures > 0) {
      const most = Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, MOST_BACKOFF_MS);
      return this.#options.random() * most;
    }
    if (this.#hasWork) return 0;
    return Math.max(0, this.#renewAt - performance.now());
  }

  get #hasWork(): boolean {
    return this.#mustList || this.#toAnnounce.size + this.#toWithdraw.size + this.#toFetch.size > 0;
  }

  async #connected(): Promise<RegistrySession> {
    const session = this.#options.open(
      (channel, payload) => {
        if (channel !== CHANNEL) return;
        this.#heard += 1;
        this.#toFetch.add(payload.slice(payload.indexOf(' ') + 1));
        this.#wake(GATHER_MS);
      },
      (error) => {
        if (this.#session !== session) return;
        this.#session = undefined;
        this.#isLost(error);
        this.#wake(0);
      },
    );
    try {
      await session.connect();
      const { rows } = await session.query<{ readonly exists: boolean }>(EXISTS);
      if (rows[0]?.exists !== true) await session.query(CREATE);
      await session.query(LISTEN);
    } catch (error) {
      void session.end();
      throw error;
    }
    // Notifications of before were lost with the last session.
    this.#mustList = true;
    return session;
  }

  async #work(session: RegistrySession): Promise<void> {
    await this.#flushWithdrawn(session);
    await this.#flushAnnounced(session);
    if (this.#mustList) await this.#list(session);
    else if (this.#toFetch.size > 0) await this.#fetch(session);
    if (performance.now() >= this.#renewAt) await this.#renew(session);
    if (this.#failures > 0) this.#events?.available();
    this.#failures = 0;
  }

  async #flushAnnounced(session: RegistrySession): Promise<void> {
    const all = [...this.#toAnnounce].map((key) => this.#own.get(key)!);
    if (all.length === 0) return;
    this.#toAnnounce.clear();
    const { owner } = this.#options;
    await session.query(ANNOUNCE, [
      owner,
      this.#ttlSeconds,
      all.map(({ service }) => service),
      all.map(({ id }) => id),
      all.map(({ body }) => JSON.stringify(body)),
      all.map(({ isStatic }) => isStatic),
    ]);
  }

  async #flushWithdrawn(session: RegistrySession): Promise<void> {
    const all = [...this.#toWithdraw];
    if (all.length === 0) return;
    const [services, ids] = namesOf(all.map(([key]) => key));
    await session.query(WITHDRAW, [this.#options.owner, services, ids, all.map(([, ofOthers]) => ofOthers)]);
    for (const [key] of all) this.#toWithdraw.delete(key);
  }

  async #list(session: RegistrySession): Promise<void> {
    this.#mustList = false;
    this.#toFetch.clear();
    const { rows } = await session.query<Row>(LIST);
    const { owner } = this.#options;
    const others = rows.filter((row) => row.owner !== owner);
    const mine = new Set(rows.filter((row) => row.owner === owner).map((row) => keyOf(row.service, row.id)));
    this.#giveUp(others);
    // Rows that are not there were removed by others, when this process could not renew them.
    for (const key of this.#own.keys()) if (!mine.has(key)) this.#toAnnounce.add(key);
    for (const key of mine) if (!this.#own.has(key)) this.#toWithdraw.set(key, false);
    this.#revision = Number(rows[0]?.revision ?? 0);
    this.#revisionBefore = this.#revision;
    this.#heard = 0;
    this.#events?.listed(others);
  }

  async #fetch(session: RegistrySession): Promise<void> {
    const keys = [...this.#toFetch];
    this.#toFetch.clear();
    const { rows } = await session.query<Row>(FETCH, namesOf(keys));
    const found = new Set(rows.map(({ service, id }) => keyOf(service, id)));
    const others = rows.filter(({ owner }) => owner !== this.#options.owner);
    this.#giveUp(others);
    for (const instance of others) this.#events?.found(instance);
    for (const key of keys) {
      if (found.has(key)) continue;
      if (this.#own.has(key)) this.#toAnnounce.add(key);
      else {
        const [service = '', id = ''] = key.split(' ');
        this.#events?.left(service, id);
      }
    }
  }

  /** Another process has announced what this one has: that one has it now. */
  #giveUp(others: readonly FoundInstance[]): void {
    for (const { service, id } of others) {
      const key = keyOf(service, id);
      this.#own.delete(key);
      this.#toAnnounce.delete(key);
    }
  }

  async #renew(session: RegistrySession): Promise<void> {
    const { owner } = this.#options;
    const { rows } = await session.query<{ readonly renewed: number; readonly revision: number | string }>(
      RENEW,
      [owner, this.#ttlSeconds],
    );
    const jitter = 0.9 + 0.2 * this.#options.random();
    this.#renewAt = performance.now() + (this.#ttlSeconds * 1000 * jitter) / RENEWALS;
    const [{ renewed, revision } = { renewed: 0, revision: 0 }] = rows;
    const expected = [...this.#own.values()].filter(({ isStatic }) => !isStatic).length;
    // A notification may get lost where nothing tells so. Those of changes before the last renewal have had
    // the time to arrive.
    const hasMissed = this.#revision + this.#heard < this.#revisionBefore;
    if (renewed !== expected || hasMissed) this.#mustList = true;
    this.#revisionBefore = Number(revision);
  }

  #isLost(error: Error): void {
    if (this.#failures === 0) this.#events?.unavailable(error);
    this.#failures += 1;
  }

  async #failed(error: Error): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#isLost(error);
    await session?.end();
    // What was taken from the lists may not have arrived.
    for (const key of this.#own.keys()) this.#toAnnounce.add(key);
  }
}
