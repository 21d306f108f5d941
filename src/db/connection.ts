// One session of PostgreSQL: a `pg` client in pipeline mode, which sends a statement without waiting for the
// responses to those before it. When a caller's deadline passes, its promise is rejected and the late
// response is dropped. When the server sends no response at all, the socket is cut. No statement is ever sent
// again by this class.
import { Socket } from 'node:net';
import type pg from 'pg';
import { Allowance } from '../allowance.js';
import { cancelStatement, type SessionAddress } from './cancel.js';
import { ConnectionLostError, ReplyOverdueError } from './database-errors.js';
import { driver } from './driver.js';
import { endsSession, fromDriver } from './error-mapping.js';
import { type PendingStatement, PendingStatements } from './pending-statements.js';
import type { StatementCost } from './statement-cost.js';
import { encode, typeParsers } from './value-codec.js';

/** Time for the server to close its side of the connection. */
const END_WITHIN_MS = 500;
/**
 * Does what DISCARD ALL does to settings, role, locks and temporary tables, but keeps prepared statements.
 */
const RESET_SESSION =
  'reset session authorization; reset role; reset all; select pg_advisory_unlock_all(); discard temp';

export interface ConnectionOptions {
  readonly url: string;
  readonly applicationName: string;
  /** Time to connect, in milliseconds. A pause of this process does not count. */
  readonly connectTimeoutMs: number;
  /**
   * Limit of each statement, in milliseconds; undefined: not sent, because poolers refuse start-up
   * parameters.
   */
  readonly statementTimeoutMs: number | undefined;
  /** The server refuses every change, so a statement that is lost on this session has changed nothing. */
  readonly readOnly: boolean;
  /** Ends the attempt to connect. @default it ends by its time limit only */
  readonly abort?: AbortSignal;
}

export interface SendOptions {
  readonly text: string;
  readonly name?: string | undefined;
  readonly values?: readonly unknown[] | undefined;
  /** Time that the server may work on the statement, in milliseconds. */
  readonly limitMs: number;
  /** Time by `performance.now()` after which the caller does not wait any more. */
  readonly deadlineAt: number;
  /** Learns how long the server takes. Undefined on sessions whose statements are not pipelined. */
  readonly cost?: StatementCost | undefined;
}

export interface ConnectionEvents {
  /** The response to one more statement has come. */
  completed(connection: Connection): void;
  /** The connection is closed, and the server works on nothing of it any more. */
  closed(connection: Connection): void;
}

export class Connection {
  readonly readOnly: boolean;
  readonly openedAt = performance.now();
  /**
   * Set by the pool. `exclusive`: in a transaction. `reserved`: for the next transaction, once it is idle.
   * `retired`: closed as soon as it is idle.
   */
  use: 'shared' | 'exclusive' | 'reserved' | 'retired' = 'shared';
  readonly #client: pg.Client;
  readonly #socket = new Socket();
  readonly #events: ConnectionEvents;
  readonly #pending = new PendingStatements();
  /** The last statement that the server was requested to cancel. */
  #cancelled: PendingStatement | undefined;
  /** Settles when that request has ended. */
  #cancelling: Promise<void> | undefined;
  /**
   * Rejects the statement that the server has refused; called once it is known whether the session goes on.
   */
  #rejectRefused: (() => void) | undefined;
  #isOpen = false;
  #isBroken = false;

  private constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#events = events;
    this.readOnly = options.readOnly;
    this.#client = new (driver().Client)({
      connectionString: options.readOnly ? readOnlyUrl(options.url) : options.url,
      application_name: options.applicationName,
      keepAlive: true,
      pipeline: true,
      stream: () => this.#socket,
      types: typeParsers(),
      statement_timeout: options.statementTimeoutMs,
    });
    // The driver rejects the statements under way, one by one. The server may never close its side.
    this.#client.on('error', () => this.#break());
    this.#client.on('end', () => {
      this.#break();
      if (!this.#isOpen) return;
      // Until the request to cancel has ended the server may work on the statement, so the session still
      // counts.
      if (this.#cancelling === undefined) events.closed(this);
      else void this.#cancelling.then(() => events.closed(this));
    });
  }

  /**
   * Connects. @throws the driver's error when the server cannot be reached or refuses; ConnectionLostError,
   *   also when the attempt was aborted
   */
  static async open(options: ConnectionOptions, events: ConnectionEvents): Promise<Connection> {
    const connection = new Connection(options, events);
    const cut = (): void => void connection.#socket.destroy();
    const limit = new Allowance(options.connectTimeoutMs, cut);
    options.abort?.addEventListener('abort', cut);
    try {
      await connection.#client.connect();
      // A server that is stopping may accept the connection and end it at once.
      if (connection.broken) throw new ConnectionLostError('lost at once');
    } catch (error) {
      const isOverdue = connection.#socket.destroyed && limit.leftMs === 0;
      connection.#socket.destroy();
      throw isOverdue ? new Error('timeout expired', { cause: error }) : error;
    } finally {
      limit.cancel();
      options.abort?.removeEventListener('abort', cut);
    }
    connection.#isOpen = true;
    // This listener runs after the driver's own, which records whether a transaction is open.
    connection.#client.connection.on('readyForQuery', () => connection.#rejectRefused?.());
    return connection;
  }

  /** Number of statements that were sent and have no response yet. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Time that the statements under way are expected to take, in milliseconds. */
  get owedMs(): number {
    return this.#pending.owedMs;
  }

  /** When the session became idle, by `performance.now()`. */
  get idleSince(): number {
    return this.#pending.idleSince;
  }

  /** Whether one more statement may be sent behind those under way. */
  hasRoom(now: number): boolean {
    return this.#pending.hasRoom(now);
  }

  get broken(): boolean {
    return this.#isBroken || this.#socket.destroyed;
  }

  /** Whether no transaction is open, as far as the server has reported. */
  get clean(): boolean {
    return this.#client.getTransactionStatus() === 'I';
  }

  /**
   * Sends a statement at once, whatever is under way.
   * @throws StatementError, ConnectionLostError, ReplyOverdueError; TypeError for a value without a text form
   */
  async send({ text, name, values, limitMs, deadlineAt, cost }: SendOptions): Promise<pg.QueryResult> {
    // The extended protocol takes a single statement: the server refuses `select 1; commit`.
    const query = { text, name, values: encode(values ?? []), queryMode: 'extended' };
    return this.#submit(query, limitMs, deadlineAt, cost);
  }

  /** Sends several statements of this module in one message, by the simple protocol. */
  sendScript(text: string, limitMs: number, deadlineAt: number): Promise<pg.QueryResult> {
    return this.#submit({ text }, limitMs, deadlineAt);
  }

  /**
   * Resets what code on the server (CALL, DO) may have changed in the session. If that fails, the session is
   * closed.
   */
  async resetSession(limitMs: number, deadlineAt: number): Promise<void> {
    try {
      await this.sendScript(RESET_SESSION, limitMs, deadlineAt);
    } catch (error) {
      if (!(error instanceof ReplyOverdueError)) this.destroy();
    }
  }

  #submit(
    query: pg.QueryConfig,
    limitMs: number,
    deadlineAt: number,
    cost?: StatementCost,
  ): Promise<pg.QueryResult> {
    return new Promise((resolve, reject) => {
      let settled = false;
      const statement: PendingStatement = {
        limitMs,
        deadlineAt,
        cost,
        expectedMs: cost?.ms ?? 0,
        settle(error, result) {
          if (settled) return;
          settled = true;
          if (error === undefined) resolve(result!);
          else reject(error);
        },
      };
      this.#pending.add(statement);
      this.#client.query(query, (error: Error | null, result: pg.QueryResult) => {
        this.#responded(statement, error, result);
      });
    });
  }

  #responded(statement: PendingStatement, error: Error | null, result: pg.QueryResult): void {
    if (error === null || error === undefined) {
      statement.settle(undefined, result);
      this.#complete(statement);
    } else if (!(error instanceof driver().DatabaseError)) {
      this.#fail(statement, error, this.broken);
    } else if (endsSession(error)) {
      this.#fail(statement, error, true);
    } else {
      this.#rejectRefused = () => this.#fail(statement, error, this.#socket.destroyed);
    }
  }

  /** @param hasEnded the session has ended with the error */
  #fail(statement: PendingStatement, error: Error, hasEnded: boolean): void {
    this.#rejectRefused = undefined;
    // A statement that the caller sends as a result must not go to a session that ends.
    if (hasEnded) this.#break();
    statement.settle(fromDriver(error, hasEnded), undefined);
    this.#complete(statement);
  }

  #complete(statement: PendingStatement): void {
    if (this.#pending.complete(statement, this.broken) && !this.#isBroken) this.#events.completed(this);
  }

  /** Whether statements are under way and no caller waits for any of them. */
  isAbandoned(now: number): boolean {
    return this.#pending.isAbandoned(now);
  }

  /**
   * Requests the server, once, to cancel the statement that it works on. Only for sessions on which it does
   * no harm if the next statement is cancelled instead.
   */
  cancel(): void {
    const { first } = this.#pending;
    if (first === this.#cancelled) return;
    this.#cancelled = first;
    this.#cancelling = cancelStatement(this.#client as unknown as SessionAddress);
  }

  /**
   * Rejects statements whose deadline has passed; cuts a socket on which the server is silent. Called every
   * few milliseconds.
   * @param watchedMs see `PendingStatements.sweep`
   */
  sweep(now: number, watchedMs: number): void {
    if (!this.#pending.sweep(now, watchedMs)) this.destroy();
  }

  /** Ends the session in order, after the responses under way. */
  async end(): Promise<void> {
    this.#isBroken = true; // no new statements
    const cut = setTimeout(() => this.#socket.destroy(), END_WITHIN_MS);
    cut.unref();
    await this.#client.end();
    clearTimeout(cut);
  }

  #break(): void {
    this.#isBroken = true;
    this.#socket.destroy();
    this.#rejectRefused?.();
  }

  /**
   * Cuts the connection. A server that works on a statement does not notice that its client has gone, so the
   * statement is cancelled.
   */
  destroy(): void {
    this.#isBroken = true;
    if (this.#pending.size > 0 && !this.#socket.destroyed) this.cancel();
    this.#socket.destroy(new ConnectionLostError('cut: the server does not respond'));
  }
}

function readOnlyUrl(url: string): string {
  const target = new URL(url);
  const options = target.searchParams.get('options') ?? '';
  target.searchParams.set('options', `${options} -c default_transaction_read_only=on`.trim());
  return target.href;
}
