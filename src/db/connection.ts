// One session: a `pg` Client in pipeline mode, so that statements are sent without waiting for the answers
// before them. It knows deadlines (a caller stops waiting, the late answer is dropped) and a watchdog (no
// answer at all: the socket is cut), and it never repeats anything.
import { Socket } from 'node:net';
import type pg from 'pg';
import { Allowance } from '../allowance.js';
import { cancelStatement, type SessionAddress } from './cancel.js';
import { ConnectionLostError, ReplyOverdueError } from './database-errors.js';
import { driver } from './driver.js';
import { endsSession, fromDriver } from './error-mapping.js';
import { mayPipeline } from './pipelining.js';
import type { StatementCost } from './statement-cost.js';
import { encode, typeParsers } from './value-codec.js';

/** Beyond the time limit that the server itself enforces on a statement. */
const WATCHDOG_MS = 2_000;
/** How long a server may take to close its side. */
const FAREWELL_MS = 500;
/** What DISCARD ALL does to settings, role, locks and tables of a session. Prepared statements stay. */
const CLEANSE =
  'reset session authorization; reset role; reset all; select pg_advisory_unlock_all(); discard temp';

export interface ConnectionOptions {
  readonly url: string;
  readonly applicationName: string;
  /** The time of a pause of the process is not taken off. */
  readonly connectTimeoutMs: number;
  /** Session limit in ms; undefined: not sent (poolers refuse start-up parameters). */
  readonly statementTimeoutMs: number | undefined;
  /** Makes the server refuse every change: what was lost on such a session has changed nothing. */
  readonly readOnly: boolean;
}

export interface Send {
  readonly text: string;
  readonly name?: string | undefined;
  readonly values?: readonly unknown[] | undefined;
  /** How long the server may work on it, ms. */
  readonly limitMs: number;
  /** `performance.now()` after which nobody waits for the answer. */
  readonly deadlineAt: number;
  /** Learns how long the server took. Undefined where nothing is sent ahead. */
  readonly cost?: StatementCost | undefined;
}

interface Operation {
  readonly cost: StatementCost | undefined;
  /** What it was expected to take when it was sent. */
  readonly expectedMs: number;
  readonly limitMs: number;
  readonly deadlineAt: number;
  readonly settle: (error: Error | undefined, result: pg.QueryResult | undefined) => void;
}

export interface ConnectionEvents {
  /** One more statement has been answered. */
  answered(connection: Connection): void;
  closed(connection: Connection): void;
}

export class Connection {
  readonly readOnly: boolean;
  readonly openedAt = performance.now();
  /** Set by the pool: in a transaction, reserved for one, or to be closed when drained. */
  use: 'shared' | 'exclusive' | 'reserved' | 'retired' = 'shared';
  idleSince = performance.now();
  readonly #client: pg.Client;
  readonly #socket = new Socket();
  readonly #events: ConnectionEvents;
  /** In the order they were sent, which is the order they are answered in. */
  readonly #pending = new Set<Operation>();
  /** How long this thread has watched the server owe an answer and send none. */
  #silentMs = 0;
  /** Since when the server has been at the first of them. */
  #beganAt = 0;
  #owedMs = 0;
  #cancelled: Operation | undefined;
  /** Settles when the request to cancel it has ended. */
  #cancelling: Promise<void> | undefined;
  /** Tells the statement that the server has refused, once it is known whether the session goes on. */
  #tellRefused: (() => void) | undefined;
  #opened = false;
  #broken = false;

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
    // The statements under way are told by the driver, one by one. The server may never close its side.
    this.#client.on('error', () => this.#break());
    this.#client.on('end', () => {
      this.#break();
      if (!this.#opened) return;
      // Until then the server may be at it, so the session counts.
      if (this.#cancelling === undefined) events.closed(this);
      else void this.#cancelling.then(() => events.closed(this));
    });
  }

  /** @throws the driver's error when the server cannot be reached or refuses; ConnectionLostError */
  static async open(options: ConnectionOptions, events: ConnectionEvents): Promise<Connection> {
    const connection = new Connection(options, events);
    const limit = new Allowance(options.connectTimeoutMs, () => connection.#socket.destroy());
    try {
      await connection.#client.connect();
      // A server that is stopping may say yes and no in one breath.
      if (connection.broken) throw new ConnectionLostError('lost at once');
    } catch (error) {
      const isOverdue = connection.#socket.destroyed && limit.leftMs === 0;
      connection.#socket.destroy();
      throw isOverdue ? new Error('timeout expired', { cause: error }) : error;
    } finally {
      limit.cancel();
    }
    connection.#opened = true;
    // Behind the driver's own listener, so that it knows by then whether a transaction is open.
    connection.#client.connection.on('readyForQuery', () => connection.#tellRefused?.());
    return connection;
  }

  /** Statements sent and not answered. */
  get pending(): number {
    return this.#pending.size;
  }

  /** What the statements under way are expected to take. */
  get owedMs(): number {
    return this.#owedMs;
  }

  /** Whether one more statement may be sent behind those under way. */
  hasRoom(now: number): boolean {
    return mayPipeline(this.#pending.size, this.#owedMs, now - this.#beganAt);
  }

  get broken(): boolean {
    return this.#broken || this.#socket.destroyed;
  }

  /** No transaction open, as far as the server has told. */
  get clean(): boolean {
    return this.#client.getTransactionStatus() === 'I';
  }

  /**
   * Sends at once, whatever is under way.
   * @throws StatementError, ConnectionLostError, ReplyOverdueError; TypeError for a parameter without a text
   * form
   */
  async send({ text, name, values, limitMs, deadlineAt, cost }: Send): Promise<pg.QueryResult> {
    // The extended protocol carries one statement: `select 1; commit` cannot sneak in.
    const query = { text, name, values: encode(values ?? []), queryMode: 'extended' };
    return this.#submit(query, limitMs, deadlineAt, cost);
  }

  /** The simple protocol, for several statements of this room in one message. */
  sendScript(text: string, limitMs: number, deadlineAt: number): Promise<pg.QueryResult> {
    return this.#submit({ text }, limitMs, deadlineAt);
  }

  /** Takes back what code on the server may have changed. A session where that fails is closed. */
  async cleanse(limitMs: number, deadlineAt: number): Promise<void> {
    try {
      await this.sendScript(CLEANSE, limitMs, deadlineAt);
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
      const operation: Operation = {
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
      if (this.#pending.size === 0) this.#beganAt = performance.now();
      this.#owedMs += operation.expectedMs;
      this.#pending.add(operation);
      this.#client.query(query, (error: Error | null, result: pg.QueryResult) => {
        this.#answered(operation, error, result);
      });
    });
  }

  #answered(operation: Operation, error: Error | null, result: pg.QueryResult): void {
    if (error === null || error === undefined) {
      operation.settle(undefined, result);
      this.#done(operation);
    } else if (!(error instanceof driver().DatabaseError)) {
      this.#failed(operation, error, this.broken);
    } else if (endsSession(error)) {
      this.#failed(operation, error, true);
    } else {
      this.#tellRefused = () => this.#failed(operation, error, this.#socket.destroyed);
    }
  }

  /** @param isOver the session has ended with it */
  #failed(operation: Operation, error: Error, isOver: boolean): void {
    this.#tellRefused = undefined;
    // What is sent now would be sent to a session that ends.
    if (isOver) this.#break();
    operation.settle(fromDriver(error, isOver), undefined);
    this.#done(operation);
  }

  #done(operation: Operation): void {
    if (!this.#pending.delete(operation)) return;
    const now = performance.now();
    this.#silentMs = 0;
    if (!this.broken) operation.cost?.learn(now - this.#beganAt);
    this.#beganAt = now;
    this.#owedMs -= operation.expectedMs;
    if (this.#pending.size === 0) {
      this.idleSince = now;
      this.#owedMs = 0; // what rounding has left
    }
    if (!this.#broken) this.#events.answered(this);
  }

  /** No caller waits any more for a statement that is under way. */
  isAbandoned(now: number): boolean {
    for (const { deadlineAt } of this.#pending) if (now < deadlineAt) return false;
    return this.#pending.size > 0;
  }

  /**
   * Asks the server to end the statement under way, once. Only where it does not matter if the next one is
   * ended instead.
   */
  cancel(): void {
    const [first] = this.#pending;
    if (first === this.#cancelled) return;
    this.#cancelled = first;
    this.#cancelling = cancelStatement(this.#client as unknown as SessionAddress);
  }

  /**
   * Lets go of callers whose deadline has passed; cuts a socket that has gone silent. Called every few ms.
   * @param watchedMs time that this thread has watched since the last call. The next call judges it: between
   *   the two the loop has read what had arrived
   */
  sweep(now: number, watchedMs: number): void {
    const [oldest] = this.#pending;
    if (oldest === undefined) return;
    if (this.#silentMs > oldest.limitMs + WATCHDOG_MS) {
      this.destroy();
      return;
    }
    this.#silentMs += watchedMs;
    for (const operation of this.#pending) {
      if (now >= operation.deadlineAt) operation.settle(new ReplyOverdueError('deadline passed'), undefined);
    }
  }

  /** Orderly, after the answers under way. */
  async end(): Promise<void> {
    this.#broken = true; // for new statements
    const cut = setTimeout(() => this.#socket.destroy(), FAREWELL_MS);
    cut.unref();
    await this.#client.end();
    clearTimeout(cut);
  }

  #break(): void {
    this.#broken = true;
    this.#socket.destroy();
    this.#tellRefused?.();
  }

  /** A server that is busy with a statement does not see that its client has gone, so that is cancelled. */
  destroy(): void {
    this.#broken = true;
    if (this.#pending.size > 0 && !this.#socket.destroyed) this.cancel();
    this.#socket.destroy(new ConnectionLostError('cut: the server stopped answering'));
  }
}

function readOnlyUrl(url: string): string {
  const target = new URL(url);
  const options = target.searchParams.get('options') ?? '';
  target.searchParams.set('options', `${options} -c default_transaction_read_only=on`.trim());
  return target.href;
}
