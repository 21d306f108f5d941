// A registry in PostgreSQL. One session listens for the names of instances that have changed and makes all
// statements: it fetches what has changed, announces, withdraws, and renews all rows of this process at once.
import { rememberedSeconds } from '../removals.js';
import type { Announced, FoundInstance } from './backend.js';
import { BackendLoop, type BackendOptions, MOST_KNOWN } from './backend-loop.js';
import { keyOf, namesOf } from './instance-key.js';
import {
  ADD_BOUND,
  ANNOUNCE,
  CHANNEL,
  CREATE,
  EXISTS,
  FETCH,
  LIST,
  LISTEN,
  MOST_EXPIRED,
  REMOVE,
  RENEW,
  SET_LIMITS,
  WITHDRAW,
  WITHDRAW_ALL,
} from './registry-sql.js';
import type { Withdrawal } from './withdrawals.js';

/** A session with the server; `LimitedClient` of src/db. */
export interface RegistrySession {
  connect(): Promise<void>;
  query<R extends object>(text: string, values?: unknown[]): Promise<{ readonly rows: R[] }>;
  end(): Promise<void>;
  /** Cuts the connection: the statement under way fails with `reason`. */
  cut(reason: Error): void;
}

/** @param heard gets the payload of each notification @param lost the session has ended */
export type OpenSession = (
  heard: (channel: string, payload: string) => void,
  lost: (error: Error) => void,
) => RegistrySession;

export interface PostgresBackendOptions extends BackendOptions {
  readonly open: OpenSession;
}

interface Row {
  readonly service: string;
  readonly id: string;
  readonly owner: string;
  readonly body: unknown;
  readonly is_local: boolean;
  readonly version: string;
}

interface Written {
  readonly service: string;
  readonly id: string;
  /** It was not written, because a client has removed it. */
  readonly is_removed: boolean;
}

interface Tables {
  readonly exists: boolean;
  readonly is_bounded?: boolean;
}

/** `id` is null when there is no row; the number is that of the last change, the total that of instances. */
type Listed = (Row | { readonly id: null }) & {
  readonly revision: number | string;
  readonly total: number | string | null;
};

interface Renewed {
  readonly present: number;
  readonly gone: number | string;
  readonly revision: number | string;
}

/** The owner of a row that is a mark. */
const REMOVED = '';
/** Notifications that come within this time are fetched together. */
const GATHER_MS = 10;
/**
 * Changes are fetched no more often than this. After an outage all processes announce their instances again,
 * and each of these changes is notified to all of them.
 */
const FETCH_EVERY_MS = 50;
/** When more changes are notified than this between two renewals, everything is listed. */
const MOST_HEARD = 100_000;
/** When more rows have changed than this before they are fetched, everything is listed. */
const MOST_TO_FETCH = 10_000;
/** Everything is listed over one session at most this often, in milliseconds. */
const LIST_EVERY_MS = 1_000;
/** Bytes of all bodies in a list. */
const MOST_LISTED_BYTES = 1 << 25;
/** Rows of one statement. A renewal waits for no more. */
const MOST_ROWS = 1_000;
/** The number of a change, and the service and the id of its instance. */
const CHANGE = /^(\d{1,15}) ([a-z0-9-]{1,64} [^ ]{1,128})$/;

/** SQLSTATE: there is such a constraint already. */
const DUPLICATE = '42710';
/**
 * SQLSTATE: the role may not write, or its transactions are read-only. It sees the instances of others
 * nevertheless.
 */
const DENIED = /^(?:42501|25006)$/;
/**
 * SQLSTATE of a value that is not admitted: data exceptions, violated constraints, exceeded limits, and rows
 * that someone has locked.
 */
const REFUSAL = /^(?:(?:22|23|54)[0-9A-Z]{3}|55P03)$/;

const codeOf = (error: unknown): string => String((error as { readonly code?: unknown }).code);

/** Divides items among statements. */
const partsOf = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / MOST_ROWS) }, (_, n) =>
    items.slice(n * MOST_ROWS, (n + 1) * MOST_ROWS),
  );

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
  /** Everything is not listed again before. */
  #mayListAt = 0;
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
      (channel, payload) => this.#notified(channel, payload),
      (error) => this.lost(session, error),
    );
    try {
      await session.connect();
      await session.query(SET_LIMITS);
      await this.#prepare(session);
      await session.query(LISTEN);
    } catch (error) {
      void session.end();
      throw error;
    }
    // Notifications of before were lost with the last session.
    this.#mustList = true;
    this.#mayListAt = 0;
    return session;
  }

  /** Makes the tables, and their bound, where they are missing. */
  async #prepare(session: RegistrySession): Promise<void> {
    const { rows } = await session.query<Tables>(EXISTS);
    const { exists, is_bounded: isBounded } = rows[0] ?? { exists: false };
    if (!exists) await session.query(CREATE);
    else if (isBounded === false) {
      try {
        await session.query(ADD_BOUND);
      } catch (error) {
        // It is not the table of this role, another process has done it just now, or is at it.
        if (!this.isRefusal(error) && codeOf(error) !== DUPLICATE) throw error;
      }
    }
  }

  /** Everything is listed over the same session. */
  protected override async relink(session: RegistrySession): Promise<RegistrySession> {
    this.#mustList = true;
    return session;
  }

  protected override async work(session: RegistrySession): Promise<void> {
    if (this.isRenewalDue) await this.#renew(session);
    // The rest is left to the next turns, so that nothing else waits for it.
    const withdrawals = this.toWithdraw.due(this.clock(), MOST_ROWS);
    await this.sendWithdrawals([withdrawals], (part) => this.#withdraw(session, part));
    // What others have announced is known before anything is announced, so that it is not written over.
    if (this.#mustList && this.clock() >= this.#mayListAt) await this.#list(session);
    else if (this.#toFetch.size > 0 && this.clock() >= this.#fetchAt) await this.#fetch(session);
    await this.send(partsOf(this.own.takeDue(this.clock())), (part) => this.#announce(session, part));
  }

  protected override dueInMs(): number {
    const now = this.clock();
    const listInMs = this.#mustList ? this.#mayListAt - now : Number.POSITIVE_INFINITY;
    const fetchInMs = this.#toFetch.size > 0 ? this.#fetchAt - now : Number.POSITIVE_INFINITY;
    return Math.min(listInMs, fetchInMs, super.dueInMs());
  }

  protected override async end(session: RegistrySession, isLast: boolean): Promise<void> {
    try {
      if (isLast) await session.query(WITHDRAW_ALL, [this.owner]);
    } catch {
      // Others remove the rows when they have expired.
    }
    await session.end();
  }

  protected override cut(session: RegistrySession): void {
    session.cut(new Error('the process ends'));
  }

  protected override isRefusal(error: unknown): boolean {
    return DENIED.test(codeOf(error)) || REFUSAL.test(codeOf(error));
  }

  /** Any role that may connect can notify. */
  #notified(channel: string, payload: string): void {
    const [, revision, key] = (channel === CHANNEL && CHANGE.exec(payload)) || [];
    if (key === undefined) return;
    this.#heard.add(Number(revision));
    this.#toFetch.add(key);
    if (this.#heard.size > MOST_HEARD || this.#toFetch.size > MOST_TO_FETCH) {
      this.#heard.clear();
      this.#toFetch.clear();
      this.#mustList = true;
    }
    this.wake(Math.max(GATHER_MS, this.#fetchAt - this.clock()));
  }

  async #announce(session: RegistrySession, part: readonly Announced[]): Promise<void> {
    const { rows } = await session.query<Written>(ANNOUNCE, [
      this.owner,
      this.ttlSeconds,
      part.map(({ service }) => service),
      part.map(({ id }) => id),
      part.map(({ body }) => JSON.stringify(body)),
      part.map(({ isStatic }) => isStatic),
      part.map(({ isLocal }) => isLocal),
    ]);
    const written = new Set(rows.filter(({ is_removed: isRemoved }) => !isRemoved).map(nameOf));
    const removed = new Set(rows.filter(({ is_removed: isRemoved }) => isRemoved).map(nameOf));
    const isTooLate = (one: Announced): boolean => !written.has(nameOf(one)) && removed.has(nameOf(one));
    this.hasAnnounced(part.filter((one) => !isTooLate(one)));
    for (const one of part) {
      if (isTooLate(one)) this.gone(nameOf(one));
      // Another process keeps it, or has registered another one.
      if (!written.has(nameOf(one))) this.#toFetch.add(nameOf(one));
    }
  }

  async #withdraw(session: RegistrySession, part: readonly Withdrawal[]): Promise<readonly []> {
    const removed = part.flatMap(([key, one]) => (one === undefined ? [] : [{ key, ...one }]));
    const own = part.filter(([, one]) => one === undefined).map(([key]) => key);
    try {
      if (own.length > 0) await session.query(WITHDRAW, [this.owner, ...columnsOf(own)]);
      if (removed.length === 0) return [];
      await session.query(REMOVE, [
        this.owner,
        ...columnsOf(removed.map(({ key }) => key)),
        removed.map(({ version }) => version ?? null),
        removed.map(({ registrationIds }) => JSON.stringify(registrationIds)),
        removed.map((one) => this.reachOf(one.key, one)),
        removed.map(({ ttlSeconds }) => rememberedSeconds(ttlSeconds)),
      ]);
    } catch (error) {
      // A role that may only read has announced nothing.
      if (!DENIED.test(codeOf(error))) throw error;
    }
    // Something else may be there, which was registered later.
    for (const { key } of removed) this.#toFetch.add(key);
    return [];
  }

  async #list(session: RegistrySession): Promise<void> {
    this.#mustList = false;
    this.#mayListAt = this.clock() + LIST_EVERY_MS;
    this.#toFetch.clear();
    // There is one row at least, for the revision.
    const { rows: listed } = await session.query<Listed>(LIST, [this.owner, MOST_KNOWN, MOST_LISTED_BYTES]);
    const rows = listed.filter((row): row is Listed & Row => row.id !== null);
    const mine = new Set(rows.filter(({ owner }) => owner === this.owner).map(nameOf));
    const instances = rows.filter(({ owner }) => owner !== REMOVED);
    const isComplete = instances.length >= Number(rows[0]?.total ?? 0);
    this.listed(instances.filter(({ owner }) => owner !== this.owner).map(foundOf), isComplete);
    for (const row of rows) if (row.owner === REMOVED) this.#marked(nameOf(row));
    // Rows that are not there have expired, when this process could not renew them.
    this.announceMissing(mine);
    this.#knowAllUpTo(Number(listed[0]?.revision ?? 0));
    this.#revisionBefore = this.#revision;
  }

  async #fetch(session: RegistrySession): Promise<void> {
    const keys = [...this.#toFetch].slice(0, MOST_ROWS);
    for (const key of keys) this.#toFetch.delete(key);
    this.#fetchAt = this.clock() + FETCH_EVERY_MS;
    const { rows } = await session.query<Row>(FETCH, columnsOf(keys));
    const present = new Set(rows.map(nameOf));
    for (const row of rows) {
      if (row.owner === REMOVED) this.#marked(nameOf(row));
      else if (row.owner !== this.owner) this.found(foundOf(row));
    }
    for (const key of keys) if (!present.has(key)) this.expired(key);
  }

  /** Clients have removed instances of a name. An announcement tells whether that of this process is one. */
  #marked(key: string): void {
    if (this.own.has(key)) this.expired(key);
    else this.gone(key);
  }

  async #renew(session: RegistrySession): Promise<void> {
    const expected = this.presentCount;
    const mayRemove = !this.mayBeIncomplete && this.clock() >= this.#removesFrom;
    let row: Renewed | undefined;
    try {
      [row] = (await session.query<Renewed>(RENEW, [this.owner, this.ttlSeconds, mayRemove])).rows;
    } catch (error) {
      // The session is not lost: what others announce is read over it as before.
      if (!this.isRefusal(error)) throw error;
    }
    this.hasRenewed();
    if (row === undefined) {
      this.#mustList = true;
      return;
    }
    const { present, gone, revision } = row;
    if (Number(gone) === MOST_EXPIRED) this.renewAt = this.clock();
    // A notification may get lost where nothing tells so. Those of changes before the last renewal have had
    // the time to arrive.
    const heard = [...this.#heard].filter((number) => number <= this.#revisionBefore).length;
    const hasMissed = this.#revision + heard < this.#revisionBefore;
    if (present < (expected ?? 0) || hasMissed) this.#mustList = true;
    else this.#knowAllUpTo(this.#revisionBefore);
    this.#revisionBefore = Number(revision);
  }

  #knowAllUpTo(revision: number): void {
    this.#revision = revision;
    for (const number of this.#heard) if (number <= revision) this.#heard.delete(number);
  }
}

const nameOf = ({ service, id }: Pick<Row, 'service' | 'id'>): string => keyOf(service, id);

const foundOf = ({ service, id, body, is_local: isLocal, version }: Row): FoundInstance => ({
  ...{ service, id, body, isLocal, version },
});
