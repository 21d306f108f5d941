// A `pg` client for one statement at a time, with limits of time from which pauses of this process are
// excluded. The limits of the driver are plain timers: after a pause they fire before what has arrived
// meanwhile is read.
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { Allowance } from '../allowance.js';
import { driver } from './driver.js';

const CONNECT_TIMEOUT_MS = 5_000;
const RESPONSE_TIMEOUT_MS = 10_000;
/** Time for the server to close its side of the connection. */
const END_WITHIN_MS = 1_000;
/** Time without traffic after which the operating system checks whether the other side still lives. */
const KEEP_ALIVE_MS = 10_000;

export interface LimitedClientOptions {
  readonly applicationName?: string;
  /** Limit of the log-in, in milliseconds. @default 5000 */
  readonly connectTimeoutMs?: number;
  /** Limit of each statement of `query`, in milliseconds. @default 10000 */
  readonly responseTimeoutMs?: number;
  /** Called when the connection is lost without `cut`; the statement under way, or the next one, fails. */
  readonly onLost?: (error: Error) => void;
}

export class LimitedClient {
  /**
   * For statements without a limit: their sender has to notice that the server is silent, and then calls
   * `cut`.
   */
  readonly session: pg.Client;
  readonly #connectTimeoutMs: number;
  readonly #responseTimeoutMs: number;
  readonly #socket = new Socket();
  #lost: Error | undefined;

  /** @throws Error when the URL cannot be used: the certificates that it names are read at once */
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

  /** Why the connection was lost or cut; undefined while it lives. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /** @throws the driver's error when the server cannot be reached or refuses, or when the time is over */
  async connect(): Promise<void> {
    await this.#limit(this.#connectTimeoutMs, 'timeout expired', this.session.connect());
  }

  /**
   * @throws the driver's error; `lost` when the connection was lost, or cut because the response is overdue
   */
  query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<R>> {
    const overdue = 'timeout: it accepted the connection, then sent no response';
    return this.#limit(this.#responseTimeoutMs, overdue, this.session.query<R>(text, values));
  }

  /** Cuts the connection: the statement under way fails with `reason`. */
  cut(reason: Error): void {
    this.#lost ??= reason;
    this.#socket.destroy(reason);
  }

  /** Ends the session. Never rejects, and takes no longer than a second. */
  async end(): Promise<void> {
    const ended = this.session.end().catch(() => undefined);
    await Promise.race([ended, delay(END_WITHIN_MS, undefined, { ref: false })]);
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
