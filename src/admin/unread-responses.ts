// Counts large responses that clients of the admin plane have not read yet. One body may be sent to many
// clients: it is in memory once, counts once, and is released when the last client has read it or has left.
import type { Socket } from 'node:net';

const MOST_UNREAD_BYTES = 64 * 1024 * 1024;

export class UnreadResponses {
  /** The clients that read each body. The body that has been unread longest is the first. */
  readonly #readers = new Map<Buffer, Set<Socket>>();
  #bytes = 0;

  fits(body: Buffer): boolean {
    return body.length <= MOST_UNREAD_BYTES;
  }

  /**
   * @returns the connections to close so that all bodies together are within the bound. Their bodies are no
   *   longer counted.
   */
  add(socket: Socket, body: Buffer): readonly Socket[] {
    const readers = this.#readers.get(body);
    if (readers !== undefined) {
      readers.add(socket);
      return [];
    }
    this.#readers.set(body, new Set([socket]));
    this.#bytes += body.length;
    const closed: Socket[] = [];
    for (const [oldest, clients] of this.#readers) {
      if (this.#bytes <= MOST_UNREAD_BYTES) break;
      closed.push(...clients);
      this.#drop(oldest);
    }
    return closed;
  }

  delete(socket: Socket, body: Buffer): void {
    const readers = this.#readers.get(body);
    if (readers?.delete(socket) === true && readers.size === 0) this.#drop(body);
  }

  #drop(body: Buffer): void {
    this.#readers.delete(body);
    this.#bytes -= body.length;
  }
}
