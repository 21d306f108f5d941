// The texts of the members in PostgreSQL: one row for each, which is replaced on condition that its version
// is still the same.
import type { OpenSession, RegistrySession } from '../registry/backends/postgres-backend.js';
import type { ShareStore, StoredText, StoredTexts } from './share-store.js';

const TABLE = 'multilane.multilane_limit_share';
/** A row that is created again has a version that it did not have before. */
const SEQUENCE = 'multilane.multilane_limit_share_version';

/** Whether the table exists. A role that may not create it can use one that an administrator has made. */
const EXISTS = `SELECT to_regclass('${TABLE}') IS NOT NULL AS exists`;

/** Several processes may create it at the same time. */
const CREATE = `
  BEGIN;
  SELECT pg_advisory_xact_lock(hashtext('${TABLE}'));
  CREATE SCHEMA IF NOT EXISTS multilane;
  CREATE SEQUENCE IF NOT EXISTS ${SEQUENCE};
  CREATE TABLE IF NOT EXISTS ${TABLE} (
    name text PRIMARY KEY,
    version bigint NOT NULL DEFAULT nextval('${SEQUENCE}'),
    content text NOT NULL
  );
  COMMIT`;

/** What was stored once must not be lost with the server, whatever its own setting is. */
const DURABLE = 'SET synchronous_commit = on';

const READ = `SELECT name, version::text AS version, content AS text FROM ${TABLE}`;
const CREATE_ONE = `
  INSERT INTO ${TABLE} (name, content) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true AS stored`;
const REPLACE = `
  UPDATE ${TABLE} SET version = nextval('${SEQUENCE}'), content = $2 WHERE name = $1 AND version = $3::bigint
  RETURNING true AS stored`;
const REMOVE = `DELETE FROM ${TABLE} WHERE name = $1 AND version = $2::bigint`;

export class PostgresShareStore implements ShareStore {
  readonly #open: OpenSession;
  #session: RegistrySession | undefined;

  constructor(open: OpenSession) {
    this.#open = open;
  }

  async read(): Promise<StoredTexts> {
    const rows = await this.#query<StoredText & { readonly name: string }>(READ);
    return new Map(rows.map(({ name, text, version }) => [name, { text, version }]));
  }

  async replace(name: string, version: string | undefined, text: string): Promise<boolean> {
    const rows =
      version === undefined
        ? await this.#query(CREATE_ONE, [name, text])
        : await this.#query(REPLACE, [name, text, version]);
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
