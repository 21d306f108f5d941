// The connections of one database in one worker, opened on first use, closed when idle, each paid for out of
// the budget of the process.
//
// While other pools of the process find nothing, whatever worker they are in, it gives up what it has to
// spare (`#giveUp`). None wakes the other: each looks every TICK_MS, as long as it has connections or waits
// for one.
//
// Three wishes:
//   read       a read-only session that readers share, pipelined
//   write      one shared by autocommit writes. Quick ones get up to WRITE_LANES of them: on a single one
//              every commit would wait for the flush to disk of the one before it; on several PostgreSQL
//              flushes once for all of them
//   exclusive  a session alone, for a transaction; comes from the write sessions
//
// A shared session takes what costs little (`ahead.ts`). Where none has room callers wait, and more are
// opened where that is going to last. A caller gives up when half of its time has gone, so that one that is
// served has the other half.
import { AsyncResource } from 'node:async_hooks';
import { Allowance } from '../allowance.js';
import { watchedOf } from '../resilience/loop-watch.js';
import type { ConnectionBudget } from './budget.js';
import { Connection, type ConnectionOptions } from './connection.js';
import { ConnectionQueue, type Waiter, type Wish } from './connection-queue.js';
import { databaseBusy } from './database-errors.js';
import { isConnectionLimitReached } from './error-mapping.js';
import { ExhaustionLog } from './exhaustion-log.js';
import { Lease } from './lease.js';
import { Outage } from './outage.js';
import { LONG_WAIT_MS, sessionsNeeded } from './pipelining.js';
import { Sessions } from './sessions.js';
import type { Statement } from './statement.js';

export interface PoolOptions {
  readonly connection: Omit<ConnectionOptions, 'readOnly' | 'connectTimeoutMs'>;
  readonly budget: ConnectionBudget;
  /**
   * False behind a pooler, which cannot promise a read-only session: then readers share the write sessions.
   */
  readonly readOnlySessions: boolean;
  readonly log: { warn(details: object, message: string): void };
  readonly random?: () => number;
  /** After which a connection without work is closed; default 10,000. */
  readonly idleMs?: number;
}

/** Connections that are open, in use and idle; callers that wait for one. */
export interface PoolSize {
  readonly open: number;
  readonly used: number;
  readonly idle: number;
  readonly waiting: number;
}

const WRITE_LANES = 4;
const TICK_MS = 25;
const IDLE_MS = 10_000;
/** The part of its time that a caller waits for a connection. The rest is for what it wants it for. */
const PATIENCE = 0.5;
/** Callers that wait; more hear DATABASE_BUSY at once. */
const MOST_WAITING = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** While others wait a busy connection is not given up before it has been of some use. */
const MIN_USE_MS = 100;
/** The only one, before it is given to who has none at all: opening it again costs both of them. */
const TURN_MS = 250;
/** How long a refusal of the server is known; while others follow, it is logged once. */
const REFUSED_FOR_MS = 2_000;
const CLOSE_WITHIN_MS = 700;

type Opened = 'opened' | 'no room' | 'not now';

export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #random: () => number;
  /** Timers and sockets must not keep the scope of the request that happened to open them. */
  readonly #outside: <T>(fn: () => T) => T;
  readonly #sessions = new Sessions();
  readonly #queue = new ConnectionQueue();
  readonly #exhaustionLog: ExhaustionLog;
  readonly #opening = { read: 0, write: 0 };
  #timer: NodeJS.Timeout | undefined;
  #tickedAt = 0;
  #outage: Outage | undefined;
  /** When the last attempt to connect began. */
  #askedAt = 0;
  /** The last time that the server granted no more connections. */
  #refusal: { readonly cause: unknown; readonly at: number } | undefined;
  #closing: { whenEmpty: () => void; readonly closed: Promise<void> } | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#exhaustionLog = new ExhaustionLog(options.log);
    const resource = new AsyncResource('multilane.ConnectionPool');
    this.#outside = (fn) => resource.runInAsyncScope(fn);
  }

  get size(): PoolSize {
    const { size: open, used } = this.#sessions;
    return { open, used, idle: open - used, waiting: this.#queue.length };
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
   * Waits for its turn. Must be given back with `release`.
   * @param lent called at once: the continuation of who waits may be lost
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

  /** The end of a transaction. A session in an unknown state is not used again. */
  release(lease: Lease): void {
    const connection = lease.end();
    if (connection.broken || !connection.clean || connection.pending > 0) connection.destroy();
    else {
      connection.use = 'shared';
      // Before those that wait here take it again.
      if (this.#closing || this.#isOwed(connection, performance.now())) this.#retire(connection);
    }
    this.#pump();
  }

  /** No new statements; waits for those under way, then cuts what is left. */
  close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing.closed;
    let whenEmpty: () => void = () => {};
    const empty = new Promise<void>((resolve) => {
      whenEmpty = resolve;
    });
    const cut = new Allowance(CLOSE_WITHIN_MS, () => {
      for (const connection of this.#sessions) connection.destroy();
    });
    const closed = empty.then(() => {
      cut.cancel();
      clearInterval(this.#timer);
    });
    this.#closing = { whenEmpty, closed };
    for (const { reject } of this.#queue.remove(() => true)) reject(databaseBusy('closing'));
    this.#options.budget.rest();
    // Between two statements of a transaction nothing is under way either: that ends with its `release`.
    for (const connection of this.#sessions) if (connection.use !== 'exclusive') this.#retire(connection);
    this.#tellEmpty();
    return closed;
  }

  #enqueue(waiter: Omit<Waiter, 'giveUpAt'>, deadlineAt: number): void {
    const outage = this.#outage;
    const now = performance.now();
    if (this.#closing) waiter.reject(databaseBusy('closing'));
    else if (outage?.isHopeless(now, this.#isOpening ? this.#askedAt : undefined))
      waiter.reject(databaseBusy('unreachable', outage.cause));
    else if (this.#queue.length >= MOST_WAITING) waiter.reject(this.#noneInTime(now));
    else {
      this.#queue.push({ ...waiter, giveUpAt: now + (deadlineAt - now) * PATIENCE }, now);
      this.#pump();
    }
  }

  get #isOpening(): boolean {
    return this.#opening.read + this.#opening.write > 0;
  }

  #take(wish: Wish): Connection | undefined {
    const now = performance.now();
    if (wish === 'read' && this.#options.readOnlySessions) {
      const reader = this.#sessions.withRoom('read', now);
      if (reader !== undefined) return reader;
      if (this.#sessions.reader !== undefined || this.#opening.read > 0) return undefined;
      if (this.#open('read') === 'opened') return undefined;
    }
    const writer = this.#sessions.leastLoadedWriter;
    if (wish === 'exclusive') {
      if (writer === undefined || writer.pending > 0) return undefined;
      writer.use = 'exclusive';
      return writer;
    }
    if (wish === 'write' && writer !== undefined && writer.pending > 0) this.#widen();
    // The least loaded may be at a slow statement while others have room.
    return writer?.hasRoom(now) ? writer : this.#sessions.withRoom('write', now);
  }

  /** One more lane for writes that would queue behind others, while the budget has something to spare. */
  #widen(): void {
    if (this.#opening.write > 0 || this.#options.budget.poorest !== undefined) return;
    if (this.#sessions.writeLanes < WRITE_LANES) this.#open('write');
  }

  /**
   * Serves the callers that wait and opens what those left would need, the one that has waited longest first.
   */
  #pump(): void {
    let isFull = false;
    let isHalted = false;
    for (const wish of this.#queue.wishes()) {
      this.#queue.serve(wish, () => this.#take(wish));
      const opened = this.#openFor(wish);
      isFull ||= opened === 'no room';
      isHalted ||= opened === 'not now';
      // Reads use the sessions of writes where none of their own can be opened.
      if (wish === 'read' && opened === 'no room') {
        this.#queue.serve(wish, () => this.#sessions.withRoom('write', performance.now()));
      }
    }
    this.#timer ??= this.#outside(() => setInterval(() => this.#tick(), TICK_MS).unref());
    const [longest] = this.#queue.wishes();
    if (longest === undefined) {
      this.#options.budget.rest();
      return;
    }
    this.#timer.ref(); // whoever waits for an answer gets one
    if (isFull) this.#options.budget.want();
    else if (!isHalted) this.#options.budget.rest(); // what it waits for is being opened, or comes soon
    if (isFull || isHalted) this.#makeRoom(longest, isFull);
  }

  #openFor(wish: Wish): Opened {
    const kind = wish === 'read' && this.#options.readOnlySessions ? 'read' : 'write';
    const needed = kind === 'read' ? this.#lanes('read') : this.#neededWriters();
    while (this.#opening[kind] < needed) {
      const opened = this.#open(kind);
      if (opened !== 'opened') return opened;
    }
    return 'opened';
  }

  #neededWriters(): number {
    const readers = this.#options.readOnlySessions ? 0 : this.#lanes('read');
    return this.#queue.waiting('exclusive') + this.#lanes('write') + readers;
  }

  /**
   * Sessions to open for callers that wait to share one: the first at once, more when the wait lasts or will
   * last.
   */
  #lanes(wish: 'read' | 'write'): number {
    const waiting = this.#queue.waiting(wish);
    if (waiting === 0) return 0;
    const readOnly = wish === 'read' && this.#options.readOnlySessions;
    const leastMs = this.#sessions.leastOwedMs(readOnly);
    if (leastMs === Infinity) return 1;
    const waitMs = Math.max(leastMs, this.#queue.waitedMs(wish, performance.now()));
    return waitMs < LONG_WAIT_MS ? 0 : sessionsNeeded(waiting, this.#queue.owedMs(wish));
  }

  /**
   * No more can be opened: turn what we have into what is wanted, a reader only where a writer can follow it.
   */
  #makeRoom(wish: Wish, canReopen: boolean): void {
    if (wish === 'read' || this.#sessions.find(({ use }) => use === 'reserved' || use === 'retired')) return;
    const reader = this.#sessions.reader;
    const idle = this.#sessions.find(
      (each) => each !== reader && each.readOnly && each.use === 'shared' && each.pending === 0,
    );
    const writer = this.#sessions.leastLoadedWriter;
    if (idle !== undefined && canReopen) this.#retire(idle);
    else if (writer === undefined) {
      if (reader !== undefined && canReopen) this.#retire(reader);
    } else if (wish === 'exclusive') writer.use = 'reserved';
  }

  /**
   * `no room`: the budget is spent, or the server grants no more. `not now`: the server was just found
   * unreachable, or the pool closes.
   */
  #open(kind: 'read' | 'write'): Opened {
    if (this.#closing) return 'not now';
    if (this.#outage !== undefined) {
      // One probe at a time until the server answers again.
      if (this.#isOpening || !this.#outage.mayRetry(performance.now())) return 'not now';
    }
    if (this.#isOpening && this.#wasRefused(performance.now())) return 'no room'; // one at a time, too
    if (!this.#options.budget.tryAcquire()) return 'no room';
    this.#opening[kind]++;
    void this.#outside(() => this.#connect(kind));
    return 'opened';
  }

  async #connect(kind: 'read' | 'write'): Promise<void> {
    const askedAt = performance.now();
    this.#askedAt = askedAt;
    try {
      const connection = await Connection.open(
        { ...this.#options.connection, connectTimeoutMs: CONNECT_TIMEOUT_MS, readOnly: kind === 'read' },
        { answered: (each) => this.#answered(each), closed: (each) => this.#closed(each) },
      );
      this.#outage = undefined;
      this.#sessions.add(connection);
      if (this.#closing) this.#retire(connection);
    } catch (error) {
      if (isConnectionLimitReached(error)) this.#refused(error);
      else this.#unreachable(error, askedAt);
    } finally {
      this.#opening[kind]--;
    }
    this.#pump();
    this.#tellEmpty();
  }

  /** The server is there: whoever waits goes on waiting for the sessions that we and others have. */
  #refused(cause: unknown): void {
    const now = performance.now();
    this.#options.budget.refused();
    this.#outage = undefined;
    if (!this.#wasRefused(now)) {
      this.#options.log.warn(
        { err: cause },
        'the database server grants no more connections; sharing those there are',
      );
    }
    this.#refusal = { cause, at: now };
  }

  #wasRefused(now: number): boolean {
    return this.#refusal !== undefined && now - this.#refusal.at < REFUSED_FOR_MS;
  }

  #unreachable(cause: unknown, askedAt: number): void {
    const now = performance.now();
    this.#options.budget.release();
    const attempt = { cause, askedAt, hasSession: this.#hasSession, random: this.#random() };
    this.#outage = Outage.after(this.#outage, attempt, now);
    if (this.#outage.failures === 1) {
      this.#options.log.warn({ err: cause }, 'the database cannot be reached; trying again');
    }
    if (!this.#outage.isLong(now)) return;
    for (const { reject } of this.#queue.remove(() => true)) reject(databaseBusy('unreachable', cause));
  }

  #answered(connection: Connection): void {
    if (connection.use === 'exclusive') return;
    if (connection.pending === 0) {
      if (connection.use === 'retired') this.#end(connection);
      else if (connection.use === 'reserved') connection.use = 'shared';
    }
    if (this.#queue.length > 0) this.#pump();
  }

  #closed(connection: Connection): void {
    if (!this.#sessions.delete(connection)) return;
    this.#options.budget.release();
    this.#pump();
    this.#tellEmpty();
  }

  #tellEmpty(): void {
    const left = this.#sessions.size + this.#opening.read + this.#opening.write;
    if (left === 0) this.#closing?.whenEmpty();
  }

  /** Closed as soon as nothing is under way on it. */
  #retire(connection: Connection): void {
    connection.use = 'retired';
    if (connection.pending === 0) this.#end(connection);
  }

  #end(connection: Connection): void {
    if (connection.broken) connection.destroy();
    else void connection.end();
  }

  #tick(): void {
    const now = performance.now();
    const watchedMs = watchedOf(now - this.#tickedAt);
    this.#tickedAt = now;
    for (const connection of this.#sessions) connection.sweep(now, watchedMs);
    for (const { reject } of this.#queue.remove(({ giveUpAt }) => now >= giveUpAt)) {
      reject(this.#noneInTime(now));
    }
    if (this.#queue.length > 0 || this.#options.budget.poorest !== undefined) this.#cutDeserted(now);
    if (this.#queue.length === 0) this.#timer?.unref();
    this.#pump();
    this.#giveUp(now);
    if (this.#sessions.size + this.#queue.length + this.#opening.read + this.#opening.write > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #noneInTime(now: number): Error {
    if (this.#outage !== undefined && !this.#hasSession)
      return databaseBusy('unreachable', this.#outage.cause);
    const refusal = this.#outage ?? (this.#wasRefused(now) ? this.#refusal : undefined);
    if (refusal !== undefined) return databaseBusy('ungranted', refusal.cause);
    this.#exhaustionLog.add(this.size, now);
    return databaseBusy('exhausted');
  }

  /**
   * While callers wait, sessions whose statements no caller waits for are closed, and those statements
   * cancelled.
   */
  #cutDeserted(now: number): void {
    for (const connection of this.#sessions) {
      if (connection.use === 'exclusive' || !connection.isDeserted(now)) continue;
      connection.use = 'retired';
      connection.cancel();
    }
  }

  get #hasSession(): boolean {
    return this.#sessions.find(() => true) !== undefined;
  }

  /**
   * Closes what has been idle for long; while others find nothing, what is idle at all, and what is owed to
   * them.
   */
  #giveUp(now: number): void {
    const idleMs = this.#options.budget.poorest === undefined ? (this.#options.idleMs ?? IDLE_MS) : TICK_MS;
    let spare: Connection | undefined;
    for (const connection of this.#sessions) {
      if (connection.use !== 'shared') continue;
      if (connection.pending === 0 && now - connection.idleSince > idleMs) this.#retire(connection);
      else if (spare === undefined || connection.pending < spare.pending) spare = connection;
    }
    if (spare !== undefined && this.#isOwed(spare, now)) this.#retire(spare);
  }

  /**
   * Whether others are to have a connection though it is of use here: when we hold more than they would have
   * with it, or when it is the only one, its turn is over, and they have none. One at a time.
   */
  #isOwed(connection: Connection, now: number): boolean {
    const { poorest } = this.#options.budget;
    if (poorest === undefined || this.#sessions.find(({ use }) => use === 'retired')) return false;
    const held = this.#sessions.size + this.#opening.read + this.#opening.write;
    if (held > poorest + 1) return now - connection.openedAt > MIN_USE_MS;
    return held === 1 && poorest === 0 && now - connection.openedAt > TURN_MS;
  }
}
