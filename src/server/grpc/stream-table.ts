// The open streams of an HTTP/2 session. Node.js keeps them in a Map. A Map in which streams come and go is
// copied to a new table again and again, and V8 makes the old table refer to the new one. Once one table is
// in the old generation of the heap, all later ones live until the next full collection, and with them the
// streams that were open when a table was copied: on a busy connection, all streams. An object whose keys are
// numbers has no such chain.
import type { Http2Session } from 'node:http2';

/** The versions of Node.js that are known to work with another table. */
const TESTED = new Set(['20', '22', '24']);

interface State {
  /** A Map without the prototype of Map. */
  streams?: { readonly size?: unknown };
}

/**
 * Call when a session begins. The session of an unknown version of Node.js keeps its Map.
 * @returns the table of its open streams
 */
export function replaceStreamTable(session: Http2Session): { readonly size: number } | undefined {
  if (!TESTED.has(process.versions.node.split('.', 1)[0]!)) return undefined;
  const state = stateOf(session);
  if (state?.streams?.size !== 0) return undefined;
  const table = new StreamTable<object>();
  state.streams = table;
  return table;
}

function stateOf(session: Http2Session): State | undefined {
  const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'state');
  return key === undefined ? undefined : (session as unknown as Record<symbol, State>)[key];
}

/** A Map whose keys are the numbers of streams, in the order of these numbers. */
export class StreamTable<T extends object> implements Map<number, T> {
  readonly [Symbol.toStringTag] = 'StreamTable';
  #byId: Record<number, T> = Object.create(null);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): T | undefined {
    return this.#byId[id];
  }

  has(id: number): boolean {
    return this.#byId[id] !== undefined;
  }

  set(id: number, stream: T): this {
    if (!this.has(id)) this.#size += 1;
    this.#byId[id] = stream;
    return this;
  }

  delete(id: number): boolean {
    if (!this.has(id)) return false;
    this.#size -= 1;
    delete this.#byId[id];
    return true;
  }

  clear(): void {
    this.#byId = Object.create(null);
    this.#size = 0;
  }

  /** A stream that closes meanwhile is left out. */
  *entries(): MapIterator<[number, T]> {
    for (const id of Object.keys(this.#byId)) {
      const stream = this.#byId[Number(id)];
      if (stream !== undefined) yield [Number(id), stream];
    }
  }

  *keys(): MapIterator<number> {
    for (const [id] of this.entries()) yield id;
  }

  *values(): MapIterator<T> {
    for (const [, stream] of this.entries()) yield stream;
  }

  [Symbol.iterator](): MapIterator<[number, T]> {
    return this.entries();
  }

  forEach(visit: (stream: T, id: number, table: Map<number, T>) => void): void {
    for (const [id, stream] of this.entries()) visit(stream, id, this);
  }
}
