// SQL on the embedded PostgreSQL of a data folder, through its socket, as an operator runs it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';

const ROLE = 'multilane';

export class Sql {
  readonly #dataDir: string;
  readonly #clients = new Map<string, Promise<pg.Client>>();

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Returns the rows of one statement on the database of one service. int8 becomes a number. */
  async query<R = Readonly<Record<string, unknown>>>(
    database: string,
    statement: string,
    values: readonly unknown[] = [],
  ): Promise<R[]> {
    let client = this.#clients.get(database);
    if (client === undefined) {
      client = this.#connect(database);
      this.#clients.set(database, client);
    }
    return (await (await client).query(statement, [...values])).rows as R[];
  }

  async close(): Promise<void> {
    const clients = await Promise.all(this.#clients.values());
    this.#clients.clear();
    await Promise.all(clients.map((client) => client.end()));
  }

  /** A value of DATABASE_URL for this server, over its socket. */
  url(role: string = ROLE, password: string = this.#password()): string {
    return `postgresql://${role}:${password}@localhost/postgres?host=${encodeURIComponent(this.#socket())}`;
  }

  #socket(): string {
    return join(this.#dataDir, 'pg/socket');
  }

  #password(): string {
    return readFileSync(join(this.#dataDir, 'pg/password'), 'utf8').trim();
  }

  async #connect(database: string): Promise<pg.Client> {
    const client = new pg.Client({
      host: this.#socket(),
      user: ROLE,
      password: this.#password(),
      database,
      types: {
        getTypeParser: (oid) => (oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid)),
      },
    });
    client.on('error', () => undefined); // the cluster was killed or stopped: the next query fails
    await client.connect();
    return client;
  }
}
