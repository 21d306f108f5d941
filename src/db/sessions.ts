// The sessions that a pool has open: which of them serves a request best, and how they are closed.
import type { Connection } from './connection.js';
import type { Wish } from './connection-queue.js';

export class Sessions {
  readonly #all = new Set<Connection>();

  get size(): number {
    return this.#all.size;
  }

  /** Number of sessions that are in a transaction or have statements under way. */
  get used(): number {
    let used = 0;
    for (const { use, pending } of this.#all) if (use === 'exclusive' || pending > 0) used++;
    return used;
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.#all.values();
  }

  add(session: Connection): void {
    this.#all.add(session);
  }

  /** @returns whether the session was there */
  delete(session: Connection): boolean {
    return this.#all.delete(session);
  }

  /** The oldest session for which `test` is true; broken ones are skipped. */
  find(test: (session: Connection) => boolean): Connection | undefined {
    for (const session of this.#all) if (!session.broken && test(session)) return session;
    return undefined;
  }

  /** Whether any session lives. */
  get isAnyAlive(): boolean {
    return this.find(() => true) !== undefined;
  }

  /** The oldest shared session for reads. */
  get reader(): Connection | undefined {
    return this.find(({ readOnly, use }) => readOnly && use === 'shared');
  }

  /**
   * A shared session that may get one more statement. The oldest is preferred, so that sessions that are not
   * needed become idle.
   */
  withRoom(kind: 'read' | 'write', now: number): Connection | undefined {
    for (const session of this.#all) {
      if (session.readOnly !== (kind === 'read') || session.use !== 'shared' || session.broken) continue;
      if (session.hasRoom(now)) return session;
    }
    return undefined;
  }

  /** The shared session for writes with the fewest statements under way. */
  get leastLoadedWriter(): Connection | undefined {
    let least: Connection | undefined;
    for (const session of this.#all) {
      if (session.readOnly || session.use !== 'shared' || session.broken) continue;
      if (least === undefined || session.pending < least.pending) least = session;
    }
    return least;
  }

  /** Number of sessions for writes outside of transactions, those about to be closed included. */
  get writeLanes(): number {
    let lanes = 0;
    for (const { readOnly, use } of this.#all) if (!readOnly && use !== 'exclusive') lanes++;
    return lanes;
  }

  /** Time after which the least busy shared session is expected to be idle; Infinity when there is none. */
  leastOwedMs(readOnly: boolean): number {
    let least = Infinity;
    for (const each of this.#all) {
      if (each.broken) continue;
      if (each.readOnly === readOnly && each.use === 'shared') least = Math.min(least, each.owedMs);
    }
    return least;
  }

  /**
   * Makes a session available for a wish when no more can be opened: reserves one for a transaction, or
   * closes one for reads if one for writes can be opened in its place.
   */
  makeRoom(wish: Wish, canReopen: boolean): void {
    if (wish === 'read' || this.find(({ use }) => use === 'reserved' || use === 'retired')) return;
    const reader = this.reader;
    const idle = this.find(
      (each) => each !== reader && each.readOnly && each.use === 'shared' && each.pending === 0,
    );
    const writer = this.leastLoadedWriter;
    if (idle !== undefined && canReopen) this.retire(idle);
    else if (writer === undefined) {
      if (reader !== undefined && canReopen) this.retire(reader);
    } else if (wish === 'exclusive') writer.use = 'reserved';
  }

  /** Closes a session as soon as no statement is under way on it; until then it gets no other one. */
  retire(session: Connection): void {
    session.use = 'retired';
    if (session.pending === 0) close(session);
  }

  /** To be called when a session that the pool shares has no statement under way any more. */
  becameIdle(session: Connection): void {
    if (session.use === 'retired') close(session);
    else if (session.use === 'reserved') session.use = 'shared';
  }

  /** Cancels statements that no caller waits for any more, and closes their sessions. */
  cancelAbandoned(now: number): void {
    for (const session of this.#all) {
      if (session.use === 'exclusive' || !session.isAbandoned(now)) continue;
      session.use = 'retired';
      session.cancel();
    }
  }
}

function close(session: Connection): void {
  if (session.broken) session.destroy();
  else void session.end();
}
