// Whether a database server answers, asked again and again on one connection of its own.
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
  #answers = true;
  #client: LimitedClient | undefined;
  #isAsked = true;

  /** @param url of a database there that is in use; the first question is asked at once */
  constructor(url: string, log: Log, everyMs = PROBE_EVERY_MS) {
    this.#url = url;
    this.#log = log;
    this.#everyMs = everyMs;
    this.#running = this.#run();
  }

  /** Address of the server while it does not answer; at most a few seconds old. */
  get silent(): string | undefined {
    return this.#answers ? undefined : addressOf(this.#url);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#client?.cut(new Error('the probe is stopped')); // a silent server would be waited for
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      let failure: unknown;
      try {
        await (await this.#connected()).query('select 1');
      } catch (error) {
        if (!isAnswer(error)) failure = error;
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

  /** Nothing is known of the server when this process cannot open a socket: what was known stays. */
  #skip(err: unknown): void {
    if (this.#isAsked) this.#log.warn({ err }, `the database server ${addressOf(this.#url)} cannot be asked`);
    this.#isAsked = false;
  }

  #found(failure: unknown): void {
    this.#isAsked = true;
    const answers = failure === undefined;
    if (answers === this.#answers) return;
    this.#answers = answers;
    if (answers) this.#log.info(`the database server ${addressOf(this.#url)} answers again`);
    else this.#log.warn({ err: failure }, `the database server ${addressOf(this.#url)} does not answer`);
  }
}

/** SQLSTATEs of a server that is stopping, has crashed or is still starting: it serves no client. */
const NOT_NOW = /^57P0[123]$/;

/**
 * Every other refusal shows that the server lives: an unknown database, a wrong password, no free connection.
 */
const isAnswer = (error: unknown): boolean =>
  error instanceof driver().DatabaseError && !NOT_NOW.test(error.code ?? '');

/** `max_connections` of the server. @throws StartError when it cannot be reached */
export function maxConnectionsOf(connecting: Connecting, url: string): Promise<number> {
  return withStartClient(connecting, url, PROBE, async (client) => {
    const { rows } = await client.query<{ max_connections: string }>('show max_connections');
    return Number(rows[0]?.max_connections);
  });
}
