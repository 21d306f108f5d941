// A registry in PostgreSQL. One session listens for the names of instances that have changed and makes all
// statements: it fetches what has changed, announces, withdraws, and renews all rows of this process at once.
import type { Announced, FoundInstance } from './backend.js';
import { BackendLoop, type BackendOptions, keyOf, namesOf } from './backend-loop.js';
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

export interface PostgresBackendOptions extends BackendOptions {
  readonly open: OpenSession;
}

interface Row extends FoundInstance {
  readonly owner: string;
}

interface Listed {
  readonly id: string | null;
  /** The number of the last change. */
  readonly revision: number | string;
}

/** Notifications that come within this time are fetched together. */
const GATHER_MS = 10;
/**
 * Changes are fetched no more often than this. After an outage all processes announce their instances again,
 * and each of these changes is notified to all of them.
 */
const FETCH_EVERY_MS = 50;
/** When more changes are notified than this between two renewals, everything is listed. */
const MOST_HEARD = 100_000;
/** The number of a change, and the service and the id of its instance. */
const CHANGE = /^(\d{1,15}) ([a-z0-9-]{1,64} [^ ]{1,128})$/;

/** SQLSTATE of a value that is not admitted: data exceptions, violated constraints, exceeded limits. */
const REFUSAL = /^(?:22|23|54)[0-9A-Z]{3}$/;

/** The services and the ids of names, in their order. */
const columnsOf = (keys: readonly string[]): [services: string[], ids: string[]] => [
  keys.map((key) => namesOf(key)[0]),
  keys.map((key) => namesOf(key)[1]),
];

export class PostgresBackend extends BackendLoop<RegistrySession> {
  readonly kind = 'postgres';
  readonly #options: PostgresBackendOptions;
  readonly #toFetch = new Set<string>();
  /** A process that has just started does not know of an outage: it removes nothing before this time. */
  readonly #removesFrom: number;
  #mustList = true;
  /** The earliest time of the next fetch. */
  #fetchAt = 0;
  /** The number of the last change up to which all are known, and those that were notified after it. */
  #revision = 0;
  #heard = new Set<number>();
  /** The number of the last change at the last renewal. Until the next one, all up to it are notified. */
  #revisionBefore = 0;

  constructor(options: PostgresBackendOptions) {
    super(options);
    this.#options = options;
    this.#removesFrom = this.clock() + this.ttlSeconds * 1000;
  }

  protected override async connect(): Promise<RegistrySession> {
    const session = this.#options.open(
      (channel, payload) => {
        if (channel !== CHANNEL) return;
        // Any role that may connect can notify.
        const [, revision, key] = CHANGE.exec(payload) ?? [];
        if (key === undefined) return;
        this.#heard.add(Number(revision));
        this.#toFetch.add(key);
        if (this.#heard.size > MOST_HEARD) {
          this.#heard.clear();
          this.#mustList = true;
        }
        this.wake(Math.max(GATHER_MS, this.#fetchAt - this.clock()));
      },
      (error) => this.lost(session, error),
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

  protected override async work(session: RegistrySession): Promise<void> {
    await this.#flushWithdrawn(session);
    // What others have announced is known before anything is announced, so that it is not written over.
    if (this.#mustList) await this.#list(session);
    else if (this.#toFetch.size > 0) await this.#fetch(session);
    await this.send([this.takeDue()], (part) => this.#announce(session, part));
    if (this.clock() >= this.renewAt) await this.#renew(session);
  }

  protected override dueInMs(): number {
    if (this.#mustList) return 0;
    const renewInMs = super.dueInMs();
    return this.#toFetch.size > 0 ? Math.min(this.#fetchAt - this.clock(), renewInMs) : renewInMs;
  }

  protected override async end(session: RegistrySession, isLast: boolean): Promise<void> {
    try {
      if (isLast) await session.query(WITHDRAW_ALL, [this.owner]);
    } catch {
      // Others remove the rows when they have expired.
    }
    await session.end();
  }

  async #announce(session: RegistrySession, part: readonly Announced[]): Promise<void> {
    await session.query(ANNOUNCE, [
      this.owner,
      this.ttlSeconds,
      part.map(({ service }) => service),
      part.map(({ id }) => id),
      part.map(({ body }) => JSON.stringify(body)),
      part.map(({ isStatic }) => isStatic),
    ]);
    this.hasAnnounced(part);
  }

  protected override isRefusal(error: unknown): boolean {
    const { code } = error as { readonly code?: unknown };
    return typeof code === 'string' && REFUSAL.test(code);
  }

  async #flushWithdrawn(session: RegistrySession): Promise<void> {
    const keys = [...this.toWithdraw.keys()];
    if (keys.length === 0) return;
    const ofOthers = [...this.toWithdraw.values()];
    await session.query(WITHDRAW, [this.owner, ...columnsOf(keys), ofOthers]);
    for (const key of keys) this.toWithdraw.delete(key);
  }

  async #list(session: RegistrySession): Promise<void> {
    this.#mustList = false;
    this.#toFetch.clear();
    // There is one row at least, for the revision.
    const { rows: listed } = await session.query<Listed>(LIST);
    const rows = listed.filter((row): row is Listed & Row => row.id !== null);
    const { owner } = this.#options;
    const mine = new Set(rows.filter((row) => row.owner === owner).map((row) => keyOf(row.service, row.id)));
    this.listed(rows.filter((row) => row.owner !== owner));
    // Rows that are not there were removed by others, when this process could not renew them.
    this.announceMissing(mine);
    this.#knowAllUpTo(Number(listed[0]?.revision ?? 0));
    this.#revisionBefore = this.#revision;
  }

  async #fetch(session: RegistrySession): Promise<void> {
    const keys = [...this.#toFetch];
    this.#toFetch.clear();
    this.#fetchAt = this.clock() + FETCH_EVERY_MS;
    const { rows } = await session.query<Row>(FETCH, columnsOf(keys));
    const present = new Set(rows.map(({ service, id }) => keyOf(service, id)));
    for (const row of rows) if (row.owner !== this.owner) this.found(row);
    for (const key of keys) if (!present.has(key)) this.gone(key);
  }

  async #renew(session: RegistrySession): Promise<void> {
    const { rows } = await session.query<{ readonly renewed: number; readonly revision: number | string }>(
      RENEW,
      [this.owner, this.ttlSeconds, !this.mayBeIncomplete && this.clock() >= this.#removesFrom],
    );
    this.hasRenewed();
    const [{ renewed, revision } = { renewed: 0, revision: 0 }] = rows;
    const isThere = (key: string): boolean => !this.ceded.has(key) && !this.refused.has(key);
    const expected = [...this.own].filter(([key, { isStatic }]) => !isStatic && isThere(key)).length;
    // A notification may get lost where nothing tells so. Those of changes before the last renewal have had
    // the time to arrive.
    const heard = [...this.#heard].filter((number) => number <= this.#revisionBefore).length;
    const hasMissed = this.#revision + heard < this.#revisionBefore;
    if (renewed !== expected || hasMissed) this.#mustList = true;
    else this.#knowAllUpTo(this.#revisionBefore);
    this.#revisionBefore = Number(revision);
  }

  #knowAllUpTo(revision: number): void {
    this.#revision = revision;
    for (const number of this.#heard) if (number <= revision) this.#heard.delete(number);
  }
}
