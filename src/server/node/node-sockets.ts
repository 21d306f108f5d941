// The open sockets of one server: which are accepted, and until when.
//
// At MAX_CONNECTIONS the oldest socket that has not sent the head of a request yet is closed for a new one,
// so that clients which open connections and send nothing do not keep the others out.
import { Server as NetServer, type Server, type Socket } from 'node:net';
import { acceptQueueEmpty } from '../../accept-queue.js';
import type { ConnectionGate } from '../http-core.js';
import type { Guard } from './guarded.js';
import { addressOf } from './node-connection.js';
import { readOn, stopReading } from './node-reading.js';

export interface NodeSocketsOptions {
  readonly gate: ConnectionGate;
  readonly guard: Guard;
  readonly isSecure: boolean;
}

export class NodeSockets {
  readonly #server: Server;
  readonly #gate: ConnectionGate;
  readonly #guard: Guard;
  readonly #isSecure: boolean;
  readonly #open = new Set<Socket>();
  /** Those that have not sent the head of a request, the oldest first. */
  readonly #headless = new Set<Socket>();
  /** Connections so far. */
  #accepted = 0;
  /** Those that are not read until the listener is closed. */
  #held: Set<Socket> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(server: Server, { gate, guard, isSecure }: NodeSocketsOptions) {
    this.#server = server;
    this.#gate = gate;
    this.#guard = guard;
    this.#isSecure = isSecure;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Call when a connection has come, before anything is read from it. */
  accept(socket: Socket): void {
    this.#accepted += 1;
    const makesRoom = (): boolean => this.#makesRoom();
    if (!this.#gate.enter(() => addressOf(socket), makesRoom)) {
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    this.#headless.add(socket);
    if (this.#held !== undefined) setImmediate(() => this.#hold(socket));
    // A reset is reported by `close` as well. Without a listener it would end the thread.
    socket.on('error', () => undefined);
    this.onClose(socket, () => this.#left(socket));
  }

  #makesRoom(): boolean {
    for (const oldest of this.#headless) {
      oldest.destroy();
      this.#left(oldest);
      return true;
    }
    return false;
  }

  /** Call when the first head has arrived. @param socket with TLS the one that has the text */
  hasHead(socket: Socket): void {
    const { _parent: ofKernel } = socket as { readonly _parent?: Socket | null };
    this.#headless.delete(ofKernel ?? socket);
  }

  onClose(socket: Socket, listener: () => void): void {
    socket.on(
      'close',
      this.#guard(listener, () => socket),
    );
  }

  #left(socket: Socket): void {
    this.#headless.delete(socket);
    if (this.#open.delete(socket)) this.#gate.leave();
  }

  /** Forgets those whose listeners a mounted application has removed. */
  look(): void {
    for (const socket of this.#open) if (socket.destroyed) this.#left(socket);
  }

  /**
   * Accepts what waits, and closes the listener. Idle connections stay: a request may be on its way on each
   * of them. `close` of `node:http` would cut them.
   * @param open sockets that have text
   */
  stopListening(open: Iterable<Socket>, withinMs?: number): Promise<void> {
    this.#stopping ??= this.#acceptAndStop(open, withinMs).finally(() => (this.#stopping = undefined));
    return this.#stopping;
  }

  /**
   * Node.js accepts one connection in a turn, and a turn is as long as the requests in it take. So those of
   * open connections wait in the kernel until the listener is closed.
   */
  async #acceptAndStop(open: Iterable<Socket>, withinMs: number | undefined): Promise<void> {
    const held = new Set(open);
    this.#held = held;
    for (const socket of held) stopReading(socket);
    await acceptQueueEmpty(() => this.#accepted, withinMs);
    if (this.#server.listening) NetServer.prototype.close.call(this.#server);
    this.#held = undefined;
    for (const socket of held) readOn(socket);
  }

  /** Node.js has begun to read it, unless TLS does. */
  #hold(socket: Socket): void {
    if (this.#isSecure || this.#held === undefined) return;
    this.#held.add(socket);
    stopReading(socket);
  }

  /** Its bytes may be in the kernel. */
  isHeld(socket: Socket): boolean {
    return this.#held?.has(socket) === true;
  }

  close(): void {
    for (const socket of this.#open) {
      socket.destroy();
      this.#left(socket);
    }
  }
}
