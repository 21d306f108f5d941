// Large responses that clients of the admin plane have not read yet. One body may be sent to many clients: it
// lies in memory once, counts once, and is released when the last of them has read it or has left.
import type { Socket } from 'node:net';

const MOST_UNREAD_BYTES = 64 * 1024 * 1024;

export class UnreadResponses {
  /** Who reads each body, the body that has been unread longest first. */
  readonly #readers = new Map<Buffer, Set<Socket>>();
  #bytes = 0;

  fits(body: Buffer): boolean {
    return body.length <= MOST_UNREAD_BYTES;
  }

  /**
   * @returns whom to close so that all bodies together are within the bound; their bodies do not count any
   *   more
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
    for (const [oldest, its] of this.#readers) {
      if (this.#bytes <= MOST_UNREAD_BYTES) break;
      closed.push(...its);
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
