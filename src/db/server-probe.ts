// Whether a database server answers, asked again and again on one connection of its own.
import { setTimeout as delay } from 'node:timers/promises';
import type { Connecting } from './connect-failure.js';
import type { Log } from './embedded.js';
import { LimitedClient, type LimitedClientOptions } from './limited-client.js';
import { addressOf } from './server-url.js';
import { withStartClient } from './start-client.js';

const PROBE_EVERY_MS = 2_000;
const PROBE: LimitedClientOptions = {
  applicationName: 'multilane probe',
  connectTimeoutMs: 2_000,
  responseTimeoutMs: 2_000,
};

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
    let client: LimitedClient | undefined;
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
        void client?.end();
        client = undefined;
      }
      await delay(PROBE_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
    void client?.end();
  }
}

/** `max_connections` of the server. @throws StartError when it cannot be reached */
export function maxConnectionsOf(connecting: Connecting, url: string): Promise<number> {
  return withStartClient(connecting, url, PROBE, async (client) => {
    const { rows } = await client.query<{ max_connections: string }>('show max_connections');
    return Number(rows[0]?.max_connections);
  });
}

async function connect(url: string): Promise<LimitedClient> {
  const client = new LimitedClient(url, PROBE);
  await client.connect();
  return client;
}
