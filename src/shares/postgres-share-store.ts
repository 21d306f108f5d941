// The texts of the members in PostgreSQL: one row for each, which is replaced on condition that its version
// is still the same. Versions are random numbers of 64 bits, so that no two texts ever have the same one,
// also after the server was set back. So a text is read again only when its version is not known.
import { randomBytes } from 'node:crypto';
import type { OpenSession, RegistrySession } from '../registry/backends/postgres-backend.js';
import type { ShareStore, StoredText, StoredTexts } from './share-store.js';

const TABLE = 'multilane.multilane_limit_share';

/** Whether the table exists. A role that may not create it can use one that an administrator has made. */
const EXISTS = `SELECT to_regclass('${TABLE}') IS NOT NULL AS exists`;

/** Several processes may create it at the same time. */
const CREATE = `
  BEGIN;
  SELECT pg_advisory_xact_lock(hashtext('${TABLE}'));
  CREATE SCHEMA IF NOT EXISTS multilane;
  CREATE TABLE IF NOT EXISTS ${TABLE} (
    name text PRIMARY KEY,
    version bigint NOT NULL,
    content text NOT NULL
  );
  COMMIT`;

/** What was stored once must not be lost with the server, whatever its own setting is. */
const DURABLE = 'SET synchronous_commit = on';

/** One statement sees all rows as they were at one moment. $1: known versions. */
const READ = `
  SELECT name, version::text AS version,
    CASE WHEN version = ANY($1::bigint[]) THEN NULL ELSE content END AS text
  FROM ${TABLE}`;
const CREATE_ONE = `
  INSERT INTO ${TABLE} (name, content, version) VALUES ($1, $2, $3::bigint)
  ON CONFLICT DO NOTHING RETURNING true AS stored`;
const REPLACE = `
  UPDATE ${TABLE} SET content = $2, version = $3::bigint WHERE name = $1 AND version = $4::bigint
  RETURNING true AS stored`;
const REMOVE = `DELETE FROM ${TABLE} WHERE name = $1 AND version = $2::bigint`;

interface Row {
  readonly name: string;
  readonly version: string;
  /** null for a known version */
  readonly text: string | null;
}

const newVersion = (): string => randomBytes(8).readBigInt64BE().toString();

export class PostgresShareStore implements ShareStore {
  readonly #open: OpenSession;
  #session: RegistrySession | undefined;
  /** What was read last, by versions. */
  #known: ReadonlyMap<string, StoredText> = new Map();

  constructor(open: OpenSession) {
    this.#open = open;
  }

  async read(): Promise<StoredTexts> {
    const known = this.#known;
    const rows = await this.#query<Row>(READ, [[...known.keys()]]);
    const texts = new Map(
      rows.map(({ name, version, text }) => [name, text === null ? known.get(version)! : { text, version }]),
    );
    this.#known = new Map([...texts.values()].map((stored) => [stored.version, stored]));
    return texts;
  }

  async replace(name: string, version: string | undefined, text: string): Promise<boolean> {
    const values = [name, text, newVersion()];
    const rows =
      version === undefined
        ? await this.#query(CREATE_ONE, values)
        : await this.#query(REPLACE, [...values, version]);
    return rows.length > 0;
  }

  async remove(name: string, version: string): Promise<void> {
    await this.#query(REMOVE, [name, version]);
  }

  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.end();
  }

  async #query<R extends object>(text: string, values?: unknown[]): Promise<readonly R[]> {
    this.#session ??= await this.#connected();
    const session = this.#session;
    try {
      return (await session.query<R>(text, values)).rows;
    } catch (error) {
      // Another session is opened for the next statement.
      this.#drop(session);
      throw error;
    }
  }

  async #connected(): Promise<RegistrySession> {
    const session = this.#open(
      () => undefined,
      () => this.#drop(session),
    );
    try {
      await session.connect();
      const { rows } = await session.query<{ readonly exists: boolean }>(EXISTS);
      if (rows[0]?.exists !== true) await session.query(CREATE);
      await session.query(DURABLE);
      return session;
    } catch (error) {
      void session.end();
      throw error;
    }
  }

  #drop(session: RegistrySession): void {
    if (this.#session === session) this.#session = undefined;
    void session.end();
  }
}
