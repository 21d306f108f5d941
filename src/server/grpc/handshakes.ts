// Bounds how long a connection may take for its TLS handshake. Until that is done the library knows nothing
// of the connection, so it asks for no sign of life.
import type { Socket } from 'node:net';
import { IdleAlarm } from '../idle-alarm.js';
import type { TimerWheel } from '../timer-wheel.js';

export class Handshakes {
  readonly #wheel: TimerWheel;
  readonly #withinMs: number;
  readonly #waiting = new Map<string, IdleAlarm>();

  constructor(wheel: TimerWheel, withinMs: number) {
    this.#wheel = wheel;
    this.#withinMs = withinMs;
  }

  /** Cuts the connection unless it becomes secure in time. */
  begin(socket: Socket): void {
    const key = keyOf(socket);
    const alarm = new IdleAlarm(this.#wheel, this.#withinMs, () => socket.destroy());
    this.#waiting.set(key, alarm);
    alarm.start();
    socket.once('close', () => {
      alarm.stop();
      // A connection that came from the same port meanwhile has an alarm of its own.
      if (this.#waiting.get(key) === alarm) this.#waiting.delete(key);
    });
  }

  /** @param socket the one of TLS, which has the addresses of the connection below it */
  done(socket: Socket): void {
    const key = keyOf(socket);
    this.#waiting.get(key)?.stop();
    this.#waiting.delete(key);
  }
}

/**
 * No other open connection of a port has the same. One whose end is not known yet may have: its client can
 * use the port again.
 */
const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
