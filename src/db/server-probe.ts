// Whether a database server answers, asked again and again on one connection of its own.
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Connecting } from './connect-failure.js';
import { driver } from './driver.js';
import type { Log } from './embedded.js';
import { addressOf } from './server-url.js';
import { withStartClient } from './start-client.js';

const PROBE_EVERY_MS = 2_000;
const PROBE_TIMEOUT_MS = 2_000;

export class ServerProbe {
  readonly #url: string;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #answers = true;

  /** @param url of any database there; the first question is asked at once */
  constructor(url: string, log: Log) {
    this.#url = url;
    this.#log = log;
    this.#running = this.#run();
  }

  /** Address of the server while it does not answer; at most a few seconds old. */
  get silent(): string | undefined {
    return this.#answers ? undefined : addressOf(this.#url);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let client: pg.Client | undefined;
    while (!signal.aborted) {
      try {
        client ??= await connect(this.#url);
        await client.query('select 1');
        if (!this.#answers) this.#log.info(`the database server ${addressOf(this.#url)} answers again`);
        this.#answers = true;
      } catch (error) {
        if (this.#answers) {
          this.#log.warn({ err: error }, `the database server ${addressOf(this.#url)} does not answer`);
        }
        this.#answers = false;
        abandon(client);
        client = undefined;
      }
      await delay(PROBE_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
    abandon(client);
  }
}

/** `max_connections` of the server. @throws StartError when it cannot be reached */
export function maxConnectionsOf(connecting: Connecting, url: string): Promise<number> {
  const config = {
    application_name: 'multilane probe',
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
    query_timeout: PROBE_TIMEOUT_MS,
  };
  return withStartClient(connecting, url, config, async (client) => {
    const { rows } = await client.query<{ max_connections: string }>('show max_connections');
    return Number(rows[0]?.max_connections);
  });
}

async function connect(url: string): Promise<pg.Client> {
  const client = new (driver().Client)({
    connectionString: url,
    application_name: 'multilane probe',
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
    query_timeout: PROBE_TIMEOUT_MS,
  });
  // A cut idle client would be an uncaught exception; the next query on it fails and says so.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Nobody waits for the goodbye: a server that does not answer would not answer that either. */
function abandon(client: pg.Client | undefined): void {
  client?.end().catch(() => undefined);
}
