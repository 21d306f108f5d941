// A `pg` client for one statement at a time, with limits that leave out pauses of the process. The limits of
// the driver are plain timers: behind a pause they ring before what has arrived meanwhile is read.
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { Allowance } from '../allowance.js';
import { driver } from './driver.js';

const CONNECT_TIMEOUT_MS = 5_000;
const RESPONSE_TIMEOUT_MS = 10_000;
/** How long a server may take to close its side. */
const FAREWELL_MS = 1_000;
/** After so long without traffic the operating system asks whether the other side still lives. */
const KEEP_ALIVE_MS = 10_000;

export interface LimitedClientOptions {
  readonly applicationName?: string;
  /** @default 5000 */
  readonly connectTimeoutMs?: number;
  /** Limit of each statement of `query`. @default 10000 */
  readonly responseTimeoutMs?: number;
  /** The connection broke, and was not cut here; the statement under way, or the next one, fails. */
  readonly onLost?: (error: Error) => void;
}

export class LimitedClient {
  /** For statements without a limit: who sends them has to find out that the server is silent, and cuts. */
  readonly session: pg.Client;
  readonly #connectTimeoutMs: number;
  readonly #responseTimeoutMs: number;
  readonly #socket = new Socket();
  #lost: Error | undefined;

  /** @throws an error when the URL cannot be used: the certificates that it names are read at once */
  constructor(url: string, options: LimitedClientOptions) {
    this.#connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    this.#responseTimeoutMs = options.responseTimeoutMs ?? RESPONSE_TIMEOUT_MS;
    this.session = new (driver().Client)({
      connectionString: url,
      application_name: options.applicationName,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      stream: () => this.#socket,
    });
    // Without a listener a connection that breaks while it is idle would be an uncaught exception.
    this.session.on('error', (error) => {
      if (this.#lost !== undefined) return;
      this.#lost = error;
      options.onLost?.(error);
    });
  }

  /** Why the connection broke or was cut; undefined while it lives. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /** @throws the driver's error when the server cannot be reached or refuses, or when its time is spent */
  async connect(): Promise<void> {
    await this.#limit(this.#connectTimeoutMs, 'timeout expired', this.session.connect());
  }

  /**
   * @throws the driver's error; `lost` when the connection broke, or was cut because the response is overdue
   */
  query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<R>> {
    const overdue = 'timeout: it accepted the connection, then sent no response';
    return this.#limit(this.#responseTimeoutMs, overdue, this.session.query<R>(text, values));
  }

  /** Breaks the connection: the statement under way fails with `reason`. */
  cut(reason: Error): void {
    this.#lost ??= reason;
    this.#socket.destroy(reason);
  }

  /** Never rejects, and takes no longer than a second. */
  async end(): Promise<void> {
    const ended = this.session.end().catch(() => undefined);
    await Promise.race([ended, delay(FAREWELL_MS, undefined, { ref: false })]);
    this.#socket.destroy();
  }

  async #limit<T>(ms: number, overdue: string, work: Promise<T>): Promise<T> {
    const allowance = new Allowance(ms, () => this.cut(new Error(overdue)));
    try {
      return await work;
    } catch (error) {
      throw this.#lost ?? error;
    } finally {
      allowance.cancel();
    }
  }
}
