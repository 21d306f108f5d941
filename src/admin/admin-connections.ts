// Bounds the connections of the admin plane that have sent a request. Most of them wait for their client: to
// send its body, to read the response, to send the next request. At the limit the one that has waited
// longest, or whose request has waited longest for its turn, is closed for a newcomer. One whose handler runs
// is never closed, nor one with an event stream, so both are bounded on their own, below the limit.
import type { Socket } from 'node:net';
import { UnreadResponses } from './unread-responses.js';

export interface ConnectionOptions {
  /** Asked for each newcomer. */
  readonly most: () => number;
  /** A connection was closed for a newcomer. */
  evicted(): void;
}

/** `turn`: its request has been read and has not begun. */
type Phase = 'client' | 'turn' | 'handler' | 'stream';

export class AdminConnections {
  readonly #options: ConnectionOptions;
  readonly #phases = new Map<Socket, Phase>();
  /** Those that may be closed, the longest-waiting first. */
  readonly #waiting = new Set<Socket>();
  readonly #unread = new UnreadResponses();
  #handlers = 0;
  #streams = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** @returns false when there is no room, because all connections are in use */
  add(socket: Socket): boolean {
    if (this.#phases.size >= this.#options.most() && !this.#evict()) return false;
    this.#phases.set(socket, 'client');
    this.#waiting.add(socket);
    socket.once('close', () => {
      this.#leave(socket);
      this.#phases.delete(socket);
    });
    return true;
  }

  /** So many that one that is kept is worth less than room for another. */
  get isCrowded(): boolean {
    return this.#phases.size > this.#options.most() / 2;
  }

  /** More handlers run than should at once: only what is cheap is to be answered. */
  get isBusy(): boolean {
    return this.#handlers > this.#options.most() / 4;
  }

  get hasRoomForStream(): boolean {
    return this.#streams < this.#options.most() / 2;
  }

  /** Moves a connection to a phase, unless it has been closed. */
  move(socket: Socket, phase: Phase): void {
    if (!this.#phases.has(socket)) return;
    this.#leave(socket);
    this.#phases.set(socket, phase);
    if (phase === 'handler') this.#handlers++;
    else if (phase === 'stream') this.#streams++;
    else this.#waiting.add(socket);
  }

  /**
   * Counts a large response until its client has read it or has left. Together they are bounded: for a new
   * one those that have been unread longest are closed.
   * @returns false when there is no room for it, however many are closed
   */
  hold(socket: Socket, body: Buffer): boolean {
    if (!this.#unread.fits(body)) return false;
    for (const holder of this.#unread.add(socket, body)) this.#close(holder);
    return true;
  }

  /** The response has been read, or is not read any more. */
  release(socket: Socket, body: Buffer): void {
    this.#unread.delete(socket, body);
  }

  #leave(socket: Socket): void {
    const phase = this.#phases.get(socket);
    if (phase === 'handler') this.#handlers--;
    else if (phase === 'stream') this.#streams--;
    else this.#waiting.delete(socket);
  }

  #evict(): boolean {
    for (const socket of this.#waiting) {
      this.#close(socket);
      return true;
    }
    return false;
  }

  #close(socket: Socket): void {
    this.#leave(socket);
    this.#phases.delete(socket);
    socket.resetAndDestroy();
    this.#options.evicted();
  }
}
