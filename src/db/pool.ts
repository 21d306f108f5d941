// The connections of one database in one worker, opened on first use, closed when idle, each paid for out of the
// budget of the process.
//
// Three wishes, one queue (first come, first served when there is not enough):
//   read       one read-only session that all readers share, pipelined
//   write      up to WRITE_LANES sessions shared by autocommit writes. On a single one every commit would wait
//              for the flush to disk of the one before it; on several PostgreSQL flushes once for all of them
//   exclusive  a session alone, for a transaction; comes from the write sessions
import { AsyncResource } from 'node:async_hooks';
import type { ConnectionBudget } from './budget.js';
import { Connection, type ConnectionOptions } from './connection.js';
import { busy } from './failure.js';

export type Wish = 'read' | 'write' | 'exclusive';

export interface PoolOptions {
  readonly connection: Omit<ConnectionOptions, 'readOnly' | 'connectTimeoutMs'>;
  readonly budget: ConnectionBudget;
  /** False behind a pooler, which cannot promise a read-only session: then readers share the write sessions. */
  readonly readOnlySessions: boolean;
  readonly log: { warn(details: object, message: string): void };
  readonly random?: () => number;
}

interface Waiter {
  readonly wish: Wish;
  readonly deadlineAt: number;
  readonly resolve: (connection: Connection) => void;
  readonly reject: (error: Error) => void;
}

const WRITE_LANES = 4;
const TICK_MS = 25;
const IDLE_MS = 10_000;
/** Who waits hears DATABASE_BUSY this long before the deadline, while there is still somebody to hear it. */
const GIVE_UP_EARLY_MS = 50;
const CONNECT_TIMEOUT_MS = 5_000;
const BACKOFF_MS = { first: 25, most: 2_000 };
/** A restart of the server is waited for; in a longer outage callers are told at once. */
const OUTAGE_PATIENCE_MS = 2_000;
/** Under contention a busy connection is not taken away before it has been of some use. */
const MIN_USE_MS = 100;
const CLOSE_WITHIN_MS = 2_000;

export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #random: () => number;
  /** Timers and sockets must not keep the scope of the request that happened to open them. */
  readonly #outside: <T>(fn: () => T) => T;
  readonly #connections = new Set<Connection>();
  readonly #queue: Waiter[] = [];
  readonly #opening = { read: 0, write: 0 };
  #timer: NodeJS.Timeout | undefined;
  #outage: { readonly since: number; failures: number; retryAt: number; cause: unknown } | undefined;
  #closing = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    const resource = new AsyncResource('multilane.ConnectionPool');
    this.#outside = (fn) => resource.runInAsyncScope(fn);
  }

  /** Connections open now, for tests and gauges. */
  get size(): { readonly open: number; readonly waiting: number } {
    return { open: this.#connections.size, waiting: this.#queue.length };
  }

  /** A session to share, if one can be had at once: the path of nearly every statement. */
  shared(wish: 'read' | 'write'): Connection | undefined {
    return this.#closing ? undefined : this.#take(wish);
  }

  /**
   * Waits its turn. An `exclusive` connection must be given back with `release`.
   * @throws UnavailableError DATABASE_BUSY when there is none before the deadline
   */
  acquire(wish: Wish, deadlineAt: number): Promise<Connection> {
    if (this.#closing) return Promise.reject(busy('closing'));
    const outage = this.#outage;
    const now = performance.now();
    if (outage !== undefined && now < outage.retryAt && now - outage.since > OUTAGE_PATIENCE_MS) {
      return Promise.reject(busy('unreachable', outage.cause));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ wish, deadlineAt: deadlineAt - GIVE_UP_EARLY_MS, resolve, reject });
      this.#pump();
    });
  }

  /** The end of a transaction. A session in an unknown state is not used again. */
  release(connection: Connection): void {
    if (connection.broken || !connection.clean || connection.pending > 0) connection.destroy();
    else if (connection.use === 'exclusive') connection.use = 'shared';
    if (connection.use === 'retired') this.#close(connection);
    this.#pump();
  }

  /** No new statements; waits for those under way, then cuts what is left. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const waiter of this.#queue.splice(0)) waiter.reject(busy('closing'));
    for (const connection of this.#connections) this.#retire(connection);
    const until = performance.now() + CLOSE_WITHIN_MS;
    while (this.#connections.size + this.#opening.read + this.#opening.write > 0) {
      if (performance.now() > until) for (const connection of this.#connections) connection.destroy();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    clearInterval(this.#timer);
  }

  #take(wish: Wish): Connection | undefined {
    if (wish === 'read' && this.#options.readOnlySessions) {
      const reader = this.#find((connection) => connection.readOnly && connection.use === 'shared');
      if (reader !== undefined) return reader;
      this.#open('read');
    }
    const writer = this.#leastLoaded();
    if (wish === 'exclusive') {
      if (writer === undefined || writer.pending > 0) return undefined;
      writer.use = 'exclusive';
      return writer;
    }
    if (wish === 'write' && (writer === undefined || writer.pending > 0)) this.#widen();
    return writer;
  }

  #leastLoaded(): Connection | undefined {
    let least: Connection | undefined;
    for (const connection of this.#connections) {
      if (connection.readOnly || connection.use !== 'shared' || connection.broken) continue;
      if (least === undefined || connection.pending < least.pending) least = connection;
    }
    return least;
  }

  #find(test: (connection: Connection) => boolean): Connection | undefined {
    for (const connection of this.#connections) if (!connection.broken && test(connection)) return connection;
    return undefined;
  }

  /** One more lane for writes that would queue behind others, while the budget has something to spare. */
  #widen(): void {
    if (this.#opening.write > 0 || this.#options.budget.contended) return;
    let lanes = 0;
    for (const { readOnly, use } of this.#connections) if (!readOnly && use !== 'exclusive') lanes++;
    if (lanes < WRITE_LANES) this.#open('write');
  }

  /** Serves the queue in order, then opens what those left would need. */
  #pump(): void {
    const left = this.#queue.splice(0).filter((waiter) => {
      const connection = this.#take(waiter.wish);
      if (connection !== undefined) waiter.resolve(connection);
      return connection === undefined;
    });
    this.#queue.unshift(...left);
    this.#schedule();
    if (left.length === 0) return;
    const exclusive = left.filter(({ wish }) => wish === 'exclusive').length;
    const needed = exclusive + (exclusive < left.length ? 1 : 0);
    while (this.#opening.read + this.#opening.write < needed) {
      if (!this.#open('write')) {
        if (this.#outage === undefined) this.#makeRoom(left[0]!.wish);
        return;
      }
    }
  }

  /** The budget is spent: turn what we have into what is wanted, and let the others know. */
  #makeRoom(wish: Wish): void {
    this.#options.budget.want();
    const reserved = this.#find(({ use }) => use === 'reserved' || use === 'retired');
    if (reserved !== undefined || wish === 'read') return;
    const writer = this.#leastLoaded();
    if (writer !== undefined) writer.use = 'reserved';
    else {
      const reader = this.#find(({ readOnly, use }) => readOnly && use === 'shared');
      if (reader !== undefined) this.#retire(reader);
    }
  }

  /** False when the budget is spent or the server was just found unreachable. */
  #open(kind: 'read' | 'write'): boolean {
    if (this.#closing || (this.#opening[kind] > 0 && kind === 'read')) return false;
    if (this.#outage !== undefined) {
      // One probe at a time until the server answers again.
      if (performance.now() < this.#outage.retryAt || this.#opening.read + this.#opening.write > 0)
        return false;
    }
    if (!this.#options.budget.tryAcquire()) return false;
    this.#opening[kind]++;
    void this.#outside(() => this.#connect(kind));
    return true;
  }

  async #connect(kind: 'read' | 'write'): Promise<void> {
    try {
      const connection = await Connection.open(
        { ...this.#options.connection, connectTimeoutMs: CONNECT_TIMEOUT_MS, readOnly: kind === 'read' },
        { drained: (drained) => this.#drained(drained), closed: (closed) => this.#closed(closed) },
      );
      this.#opening[kind]--;
      this.#outage = undefined;
      this.#connections.add(connection);
      if (this.#closing) this.#retire(connection);
    } catch (error) {
      this.#opening[kind]--;
      this.#options.budget.release();
      this.#failed(error);
    }
    this.#pump();
  }

  #failed(cause: unknown): void {
    const now = performance.now();
    const failures = (this.#outage?.failures ?? 0) + 1;
    const backoff = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** (failures - 1));
    const retryAt = now + backoff * (0.5 + this.#random() / 2);
    this.#outage = { since: this.#outage?.since ?? now, failures, retryAt, cause };
    if (failures === 1)
      this.#options.log.warn({ err: cause }, 'the database cannot be reached; trying again');
    if (now - this.#outage.since <= OUTAGE_PATIENCE_MS) return;
    for (const waiter of this.#queue.splice(0)) waiter.reject(busy('unreachable', cause));
  }

  #drained(connection: Connection): void {
    if (connection.use === 'retired') this.#close(connection);
    else if (connection.use === 'reserved') {
      connection.use = 'shared';
      this.#pump();
    } else if (this.#queue.length > 0) this.#pump();
  }

  #closed(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    this.#options.budget.release();
    this.#pump();
  }

  #retire(connection: Connection): void {
    const free = connection.use !== 'exclusive';
    connection.use = 'retired';
    if (free && connection.pending === 0) this.#close(connection);
  }

  #close(connection: Connection): void {
    if (!connection.broken) void connection.end();
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    this.#timer = this.#outside(() => setInterval(() => this.#tick(), TICK_MS));
    this.#timer.unref();
  }

  #tick(): void {
    const now = performance.now();
    for (const connection of this.#connections) connection.sweep(now);
    const expired = this.#queue.filter(({ deadlineAt }) => now >= deadlineAt);
    if (expired.length > 0) {
      const left = this.#queue.splice(0).filter(({ deadlineAt }) => now < deadlineAt);
      this.#queue.push(...left);
      const outage = this.#outage;
      for (const { reject } of expired)
        reject(outage ? busy('unreachable', outage.cause) : busy('exhausted'));
    }
    this.#pump();
    this.#giveUp(now);
    const idle = this.#connections.size + this.#queue.length + this.#opening.read + this.#opening.write === 0;
    if (!idle) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Closes what has been idle for long; what is idle at all, or beyond our share, when others have nothing. */
  #giveUp(now: number): void {
    const { contended } = this.#options.budget;
    const shared: Connection[] = [];
    for (const connection of this.#connections) {
      if (connection.use !== 'shared') continue;
      if (connection.pending > 0) shared.push(connection);
      else if (now - connection.idleSince > (contended ? TICK_MS : IDLE_MS)) this.#retire(connection);
      else shared.push(connection);
    }
    if (!contended || shared.length < 2) return;
    const spare = shared.reduce((a, b) => (b.pending < a.pending ? b : a));
    if (now - spare.openedAt > MIN_USE_MS) this.#retire(spare);
  }
}
