// Checks again and again whether a database server responds, on a connection of its own; `/ready` depends on
// it.
import { setTimeout as delay } from 'node:timers/promises';
import { isOutOfFiles } from '../open-files.js';
import type { Log } from '../telemetry/log.js';
import type { Connecting } from './connect-failure.js';
import { driver } from './driver.js';
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
  readonly #everyMs: number;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #responds = true;
  #client: LimitedClient | undefined;
  /** False while this process cannot open a socket, so that nothing is known of the server. */
  #canProbe = true;

  /** @param url URL of a database of the server that is in use; it is probed at once */
  constructor(url: string, log: Log, everyMs = PROBE_EVERY_MS) {
    this.#url = url;
    this.#log = log;
    this.#everyMs = everyMs;
    this.#running = this.#run();
  }

  /**
   * The address of the server if it does not respond, undefined if it does. A change is noticed within a few
   * seconds.
   */
  get silentAddress(): string | undefined {
    return this.#responds ? undefined : addressOf(this.#url);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#client?.cut(new Error('the probe is stopped')); // else it would wait for a silent server
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      let failure: unknown;
      try {
        await (await this.#connected()).query('select 1');
      } catch (error) {
        if (!isResponse(error)) failure = error;
        void this.#client?.end();
        this.#client = undefined;
      }
      if (isOutOfFiles(failure)) this.#skip(failure);
      else if (!signal.aborted) this.#found(failure);
      await delay(this.#everyMs, undefined, { signal }).catch(() => undefined);
    }
    void this.#client?.end();
  }

  async #connected(): Promise<LimitedClient> {
    if (this.#client !== undefined) return this.#client;
    this.#client = new LimitedClient(this.#url, PROBE);
    await this.#client.connect();
    return this.#client;
  }

  /**
   * Called when this process cannot open a socket: the probe found out nothing, so the last result stays.
   */
  #skip(err: unknown): void {
    if (this.#canProbe) this.#log.warn({ err }, `cannot probe the database server ${addressOf(this.#url)}`);
    this.#canProbe = false;
  }

  #found(failure: unknown): void {
    this.#canProbe = true;
    const responds = failure === undefined;
    if (responds === this.#responds) return;
    this.#responds = responds;
    if (responds) this.#log.info(`the database server ${addressOf(this.#url)} responds again`);
    else this.#log.warn({ err: failure }, `the database server ${addressOf(this.#url)} does not respond`);
  }
}

/** SQLSTATEs of a server that stops, has crashed or is still starting: it serves no client. */
const NOT_NOW = /^57P0[123]$/;

/**
 * Whether an error is a response of a server that works. All refusals but those above are: an unknown
 * database, a wrong password, no free connection.
 */
const isResponse = (error: unknown): boolean =>
  error instanceof driver().DatabaseError && !NOT_NOW.test(error.code ?? '');

/** `max_connections` of the server. @throws StartError when it cannot be reached */
export function maxConnectionsOf(connecting: Connecting, url: string): Promise<number> {
  return withStartClient(connecting, url, PROBE, async (client) => {
    const { rows } = await client.query<{ max_connections: string }>('show max_connections');
    return Number(rows[0]?.max_connections);
  });
}
