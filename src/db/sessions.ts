// The sessions that a pool has open, and which of them would serve a wish best.
import type { Connection } from './connection.js';

export class Sessions {
  readonly #all = new Set<Connection>();

  get size(): number {
    return this.#all.size;
  }

  /** In use for a transaction, or with statements under way. */
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

  /** @returns whether it was there */
  delete(session: Connection): boolean {
    return this.#all.delete(session);
  }

  /** The oldest that `test` is true of. */
  find(test: (session: Connection) => boolean): Connection | undefined {
    for (const session of this.#all) if (!session.broken && test(session)) return session;
    return undefined;
  }

  /** One that is shared. */
  get reader(): Connection | undefined {
    return this.find(({ readOnly, use }) => readOnly && use === 'shared');
  }

  /** The oldest that is shared and has room: those that are not needed fall idle. */
  withRoom(kind: 'read' | 'write', now: number): Connection | undefined {
    for (const session of this.#all) {
      if (session.readOnly !== (kind === 'read') || session.use !== 'shared' || session.broken) continue;
      if (session.hasRoom(now)) return session;
    }
    return undefined;
  }

  /** The writer that is shared by the fewest statements. */
  get leastLoadedWriter(): Connection | undefined {
    let least: Connection | undefined;
    for (const session of this.#all) {
      if (session.readOnly || session.use !== 'shared' || session.broken) continue;
      if (least === undefined || session.pending < least.pending) least = session;
    }
    return least;
  }

  /** Sessions that writes share, or may share soon. */
  get writeLanes(): number {
    let lanes = 0;
    for (const { readOnly, use } of this.#all) if (!readOnly && use !== 'exclusive') lanes++;
    return lanes;
  }

  /** How long the least busy of those that are shared is expected to be busy; Infinity when there is none. */
  leastOwedMs(readOnly: boolean): number {
    let least = Infinity;
    for (const each of this.#all) {
      if (each.broken) continue;
      if (each.readOnly === readOnly && each.use === 'shared') least = Math.min(least, each.owedMs);
    }
    return least;
  }
}
