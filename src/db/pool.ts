// The connections of one worker to one database. They are opened on first use, closed when idle, and each is
// paid for out of the budget of the process.
//
// A caller has one of three wishes:
//
//   read        to share a read-only session with other reads, pipelined.
//   write       to share a session with other autocommit writes. Quick ones get up to MAX_WRITE_LANES
//               sessions: on a single one every commit would wait until the one before it is flushed to disk;
//               on several, PostgreSQL flushes once for all of them.
//   exclusive   to have a session alone, for a transaction. It is one of those for writes.
//
// A shared session gets statements for as long as those under way on it are quick (pipelining). If no session
// has room, callers wait (connection-queue), and more sessions are opened if the wait is going to last
// (session-demand, session-opener). A caller waits for half of the time until its deadline, so that one that
// is served has the other half for its work.
//
// While other pools of the process wait in vain, in whatever worker, this pool closes sessions for them
// (surplus). Pools do not notify each other. Each looks every TICK_MS for as long as it has connections or
// waits for one.
import { AsyncResource } from 'node:async_hooks';
import { Allowance } from '../allowance.js';
import { watchedOf } from '../resilience/loop-watch.js';
import type { ConnectionBudget } from './budget.js';
import type { Connection, ConnectionOptions } from './connection.js';
import { ConnectionQueue, type Waiter, type Wish } from './connection-queue.js';
import { databaseBusy } from './database-errors.js';
import { ExhaustionLog } from './exhaustion-log.js';
import { SessionDemand, type SessionKind } from './session-demand.js';
import { Lease } from './session-lease.js';
import { type OpenResult, SessionOpener } from './session-opener.js';
import { Sessions } from './sessions.js';
import type { Statement } from './statement.js';
import { closeSurplus, type Holdings, isOwed } from './surplus-sessions.js';

export interface PoolOptions {
  readonly connection: Omit<ConnectionOptions, 'readOnly' | 'connectTimeoutMs' | 'abort'>;
  readonly budget: ConnectionBudget;
  /**
   * False behind a pooler, which cannot promise a read-only session: reads then share the sessions for
   * writes.
   */
  readonly readOnlySessions: boolean;
  readonly log: { warn(details: object, message: string): void };
  /** Random numbers from 0 to 1, for jitter. @default Math.random */
  readonly random?: () => number;
  /** Time after which a session without work is closed, in milliseconds. @default 10000 */
  readonly idleMs?: number;
}

/** Connections that are open, in use and idle, and callers that wait for one. */
export interface PoolSize {
  readonly open: number;
  readonly used: number;
  readonly idle: number;
  readonly waiting: number;
}

const MAX_WRITE_LANES = 4;
const TICK_MS = 25;
const IDLE_MS = 10_000;
/** Share of the time until its deadline that a caller waits for a connection. */
const WAIT_SHARE = 0.5;
/** Callers that wait at most; more are rejected at once. */
const MAX_WAITING = 10_000;
const CLOSE_WITHIN_MS = 700;

export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #budget: ConnectionBudget;
  readonly #sessions = new Sessions();
  /**
   * Runs a function outside the scope of the request that happens to open a connection or start the timer.
   */
  readonly #outside: <T>(fn: () => T) => T;
  readonly #queue = new ConnectionQueue();
  readonly #demand: SessionDemand;
  readonly #opener: SessionOpener;
  readonly #holdings: Holdings;
  readonly #exhaustionLog: ExhaustionLog;
  #timer: NodeJS.Timeout | undefined;
  #tickedAt = 0;
  #closing: { whenEmpty: () => void; readonly closed: Promise<void> } | undefined;

  constructor(options: PoolOptions) {
    const { connection, budget, log, readOnlySessions, random = Math.random } = options;
    this.#options = options;
    this.#budget = budget;
    const resource = new AsyncResource('multilane.ConnectionPool');
    this.#outside = (fn) => resource.runInAsyncScope(fn);
    this.#demand = new SessionDemand(this.#queue, this.#sessions, readOnlySessions);
    const opening = { connection, budget, log, random, outside: this.#outside };
    this.#opener = new SessionOpener(opening, this.#sessions, {
      attempted: (opened) => this.#attempted(opened),
      unreachable: (cause) => this.#rejectAll(() => databaseBusy('unreachable', cause)),
      completed: (session) => this.#completed(session),
      closed: (session) => this.#closed(session),
    });
    this.#holdings = { sessions: this.#sessions, budget, opener: this.#opener };
    this.#exhaustionLog = new ExhaustionLog(log);
  }

  get size(): PoolSize {
    const { size: open, used } = this.#sessions;
    return { open, used, idle: open - used, waiting: this.#queue.length };
  }

  /** Time that callers have waited for a connection so far, added up, in milliseconds. */
  get waitedMs(): number {
    return this.#queue.totalWaitedMs;
  }

  /** A session to share, if one can be had at once: the path of nearly every statement. */
  shared(wish: 'read' | 'write'): Connection | undefined {
    return this.#closing || this.#queue.waiting(wish) > 0 ? undefined : this.#take(wish);
  }

  /**
   * Waits for its turn, then calls `send` with a session to share.
   * @throws UnavailableError DATABASE_BUSY when there is none in half of the time; what `send` throws
   */
  whenShared<T>(
    { kind: wish, cost }: Pick<Statement, 'kind' | 'cost'>,
    deadlineAt: number,
    send: (to: Connection) => Promise<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const use = (connection: Connection): void => resolve(send(connection));
      this.#enqueue({ wish, costMs: cost.ms, use, reject }, deadlineAt);
    });
  }

  /**
   * Waits for a session that the caller has alone, until it returns it by `release`.
   * @param lent called at once with the lease: code after an `await` may never run, if its request is
   *   interrupted
   * @throws UnavailableError DATABASE_BUSY when there is none in half of the time
   */
  exclusive(deadlineAt: number, lent: (lease: Lease) => void = () => undefined): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const use = (connection: Connection): void => {
        const lease = new Lease(connection);
        lent(lease);
        resolve(lease);
      };
      this.#enqueue({ wish: 'exclusive', costMs: 0, use, reject }, deadlineAt);
    });
  }

  /** Returns a session after a transaction. One whose state is not known is not used again. */
  release(lease: Lease): void {
    const connection = lease.end();
    if (connection.broken || !connection.clean || connection.pending > 0) connection.destroy();
    else {
      connection.use = 'shared';
      // Checked before the callers that wait here get the session.
      if (this.#closing || isOwed(connection, this.#holdings, performance.now()))
        this.#sessions.retire(connection);
    }
    this.#serveQueue();
  }

  /** Rejects new statements and those that wait, lets those under way end, then cuts what is left. */
  close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing.closed;
    let whenEmpty: () => void = () => {};
    const empty = new Promise<void>((resolve) => {
      whenEmpty = resolve;
    });
    const cut = new Allowance(CLOSE_WITHIN_MS, () => {
      for (const session of this.#sessions) session.destroy();
    });
    const closed = empty.then(() => {
      cut.cancel();
      clearInterval(this.#timer);
    });
    this.#closing = { whenEmpty, closed };
    this.#rejectAll(() => databaseBusy('closing'));
    this.#opener.close();
    this.#budget.endWaiting();
    // A session in a transaction has no statement under way between two of them; it is retired by `release`.
    for (const session of this.#sessions) if (session.use !== 'exclusive') this.#sessions.retire(session);
    this.#reportIfEmpty();
    return closed;
  }

  #enqueue(waiter: Omit<Waiter, 'giveUpAt'>, deadlineAt: number): void {
    const now = performance.now();
    const outage = this.#opener.hopelessOutage(now);
    if (this.#closing) waiter.reject(databaseBusy('closing'));
    else if (outage !== undefined) waiter.reject(outage);
    else if (this.#queue.length >= MAX_WAITING) waiter.reject(this.#noneInTime(now));
    else {
      this.#queue.push({ ...waiter, giveUpAt: now + (deadlineAt - now) * WAIT_SHARE }, now);
      this.#serveQueue();
    }
  }

  #rejectAll(error: () => Error): void {
    for (const { reject } of this.#queue.remove(() => true)) reject(error());
  }

  /** A session for this wish, if one is free or has room; may begin to open another one. */
  #take(wish: Wish): Connection | undefined {
    const now = performance.now();
    if (wish === 'read' && this.#options.readOnlySessions) {
      const reader = this.#sessions.withRoom('read', now);
      if (reader !== undefined) return reader;
      if (this.#sessions.reader !== undefined || this.#opener.opening.read > 0) return undefined;
      if (this.#open('read') === 'opened') return undefined;
    }
    const writer = this.#sessions.leastLoadedWriter;
    if (wish === 'exclusive') {
      if (writer === undefined || writer.pending > 0) return undefined;
      writer.use = 'exclusive';
      return writer;
    }
    if (wish === 'write' && writer !== undefined && writer.pending > 0) this.#addWriteLane();
    // The session with the fewest statements may be at a slow one while others have room.
    return writer?.hasRoom(now) ? writer : this.#sessions.withRoom('write', now);
  }

  /** Opens one more session for writes that would wait behind others, unless other pools need it more. */
  #addWriteLane(): void {
    if (this.#opener.opening.write > 0 || this.#budget.poorestWaiting !== undefined) return;
    if (this.#sessions.writeLanes < MAX_WRITE_LANES) this.#open('write');
  }

  #open(kind: SessionKind): OpenResult {
    return this.#closing ? 'not now' : this.#opener.open(kind);
  }

  /** Serves callers that wait, those with the longest wait first, and opens what the others need. */
  #serveQueue(): void {
    let isFull = false;
    let isHalted = false;
    for (const wish of this.#queue.wishes()) {
      this.#queue.serve(wish, () => this.#take(wish));
      const result = this.#openFor(wish);
      isFull ||= result === 'no room';
      isHalted ||= result === 'not now';
      // Reads use the sessions for writes if none of their own can be opened.
      if (wish === 'read' && result === 'no room') {
        this.#queue.serve(wish, () => this.#sessions.withRoom('write', performance.now()));
      }
    }
    this.#timer ??= this.#outside(() => setInterval(() => this.#tick(), TICK_MS).unref());
    const [longest] = this.#queue.wishes();
    if (longest === undefined) {
      this.#budget.endWaiting();
      return;
    }
    this.#timer.ref(); // the process must not end while a caller waits
    if (isFull) this.#budget.announceWaiting();
    else if (!isHalted) this.#budget.endWaiting(); // a session is being opened, or becomes free soon
    if (isFull || isHalted) this.#sessions.makeRoom(longest, isFull);
  }

  #openFor(wish: Wish): OpenResult {
    const kind = this.#demand.kindFor(wish);
    const needed = this.#demand.of(kind, performance.now());
    while (this.#opener.opening[kind] < needed) {
      const result = this.#open(kind);
      if (result !== 'opened') return result;
    }
    return 'opened';
  }

  #attempted(opened: Connection | undefined): void {
    if (opened !== undefined && this.#closing) this.#sessions.retire(opened);
    this.#serveQueue();
    this.#reportIfEmpty();
  }

  #completed(session: Connection): void {
    if (session.use === 'exclusive') return;
    if (session.pending === 0) this.#sessions.becameIdle(session);
    if (this.#queue.length > 0) this.#serveQueue();
  }

  #closed(session: Connection): void {
    if (!this.#sessions.delete(session)) return;
    this.#budget.release();
    this.#serveQueue();
    this.#reportIfEmpty();
  }

  #reportIfEmpty(): void {
    if (this.#opener.held === 0) this.#closing?.whenEmpty();
  }

  #tick(): void {
    const now = performance.now();
    const watchedMs = watchedOf(now - this.#tickedAt);
    this.#tickedAt = now;
    for (const session of this.#sessions) session.sweep(now, watchedMs);
    for (const { reject } of this.#queue.remove(({ giveUpAt }) => now >= giveUpAt)) {
      reject(this.#noneInTime(now));
    }
    if (this.#queue.length > 0 || this.#budget.poorestWaiting !== undefined)
      this.#sessions.cancelAbandoned(now);
    if (this.#queue.length === 0) this.#timer?.unref();
    this.#serveQueue();
    closeSurplus(this.#holdings, this.#options.idleMs ?? IDLE_MS, TICK_MS, now);
    if (this.#opener.held + this.#queue.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The error for a caller that has found no session in time. */
  #noneInTime(now: number): Error {
    const fault = this.#opener.serverFault(now);
    if (fault !== undefined) return fault;
    this.#exhaustionLog.add(this.size, now);
    return databaseBusy('exhausted');
  }
}
