// Bounds the connections of the admin plane that have sent a request. Most of them wait for their client: for
// a body, for a response to be read, for the next request. At the limit the connection that has waited
// longest for its client, or for its request to begin, is closed for a new one. Connections with a running
// handler or an event stream are never closed, so both have limits of their own below this one.
import type { Socket } from 'node:net';
import { UnreadResponses } from './unread-responses.js';

export interface ConnectionOptions {
  /** The limit; read for each new connection. */
  readonly most: () => number;
  /** Called when a connection was closed for a new one. */
  evicted(): void;
}

/**
 * `client`: the connection waits for its client. `turn`: its request has been read and has not begun.
 * `handler`: the handler runs. `stream`: the response is an event stream. `process`: one of another process,
 * which shares the registry of this one.
 */
type Phase = 'client' | 'turn' | 'handler' | 'stream' | 'process';

export class AdminConnections {
  readonly #options: ConnectionOptions;
  readonly #phases = new Map<Socket, Phase>();
  /** Connections that may be closed for a new one. The one that has waited longest is the first. */
  readonly #waiting = new Set<Socket>();
  readonly #unread = new UnreadResponses();
  #handlers = 0;
  readonly #streams = { stream: 0, process: 0 };

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** @returns false when the limit is reached and no connection may be closed */
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

  /** True above half of the limit: responses then close their connections. */
  get isCrowded(): boolean {
    return this.#phases.size > this.#options.most() / 2;
  }

  /** True while too many handlers run: only open routes are served then. */
  get isBusy(): boolean {
    return this.#handlers > this.#options.most() / 4;
  }

  /** A quarter of all streams is kept for those of processes. */
  hasRoomFor(kind: 'stream' | 'process'): boolean {
    const { stream, process } = this.#streams;
    const most = this.#options.most() / 2;
    return stream + process < most && (kind === 'process' || stream < 0.75 * most);
  }

  /** Moves a connection to a phase, unless it has been closed. */
  move(socket: Socket, phase: Phase): void {
    if (!this.#phases.has(socket)) return;
    this.#leave(socket);
    this.#phases.set(socket, phase);
    if (phase === 'handler') this.#handlers++;
    else if (phase === 'stream' || phase === 'process') this.#streams[phase]++;
    else this.#waiting.add(socket);
  }

  /**
   * Counts a large response until its client has read it or has left. All of them together are bounded: the
   * connections whose responses have been unread longest are closed for a new one.
   * @returns false when the response alone is above the bound
   */
  hold(socket: Socket, body: Buffer): boolean {
    if (!this.#unread.fits(body)) return false;
    for (const holder of this.#unread.add(socket, body)) this.#close(holder);
    return true;
  }

  /** Call when the response has been read, or its client has left. */
  release(socket: Socket, body: Buffer): void {
    this.#unread.delete(socket, body);
  }

  #leave(socket: Socket): void {
    const phase = this.#phases.get(socket);
    if (phase === 'handler') this.#handlers--;
    else if (phase === 'stream' || phase === 'process') this.#streams[phase]--;
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
