// A socket that asks for a WebSocket, until the service accepts it or refuses it. Node.js no longer reads it,
// so its client could leave unnoticed while a hook waits. So it is read on, and what arrives is kept for the
// WebSocket, up to a bound.
import type { Duplex } from 'node:stream';

/** Nothing more is read for now when a client has sent this much. */
const MOST_BYTES = 64 * 1024;

export class UpgradingSocket {
  readonly #socket: Duplex;
  readonly #pieces: Buffer[];
  #bytes: number;
  #stop: (() => void) | undefined;

  /** @param head what has arrived behind the request */
  constructor(socket: Duplex, head: Buffer) {
    this.#socket = socket;
    this.#pieces = [head];
    this.#bytes = head.length;
  }

  /** Reads on. The end of a client that leaves is that of its connection. */
  watch(): void {
    const socket = this.#socket;
    const take = (piece: Buffer): void => {
      this.#pieces.push(piece);
      this.#bytes += piece.length;
      if (this.#bytes >= MOST_BYTES) socket.pause();
    };
    const end = (): void => void socket.destroy();
    socket.on('data', take);
    socket.on('end', end);
    this.#stop = () => {
      socket.off('data', take);
      socket.off('end', end);
    };
  }

  /** Ends the reading. @returns the socket with all that has arrived behind the request */
  taken(): { readonly socket: Duplex; readonly head: Buffer } {
    this.#stop?.();
    this.#socket.pause();
    return { socket: this.#socket, head: Buffer.concat(this.#pieces) };
  }
}
