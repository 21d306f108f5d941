// Bounds how long a connection may take for its TLS handshake. Until that is done the library knows nothing
// of the connection, so it asks for no sign of life.
import type { Socket } from 'node:net';

export class Handshakes {
  readonly #withinMs: number;
  readonly #waiting = new Map<string, NodeJS.Timeout>();

  constructor(withinMs: number) {
    this.#withinMs = withinMs;
  }

  /** Cuts the connection unless it becomes secure in time. */
  begin(socket: Socket): void {
    const key = keyOf(socket);
    this.#waiting.set(
      key,
      setTimeout(() => socket.destroy(), this.#withinMs),
    );
    socket.once('close', () => this.#end(key));
  }

  /** @param socket the one of TLS, which has the addresses of the connection below it */
  done(socket: Socket): void {
    this.#end(keyOf(socket));
  }

  #end(key: string): void {
    clearTimeout(this.#waiting.get(key));
    this.#waiting.delete(key);
  }
}

/** No other open connection of a port has the same. */
const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
