// Cuts a client that takes nothing of what waits for it. Node.js reports only that a whole write was taken,
// which may be all of a response, and a client may take it slowly and steadily. So the alarm compares what
// the kernel has taken.
import type { Duplex } from 'node:stream';
import { IdleAlarm } from '../idle-alarm.js';
import type { TimerWheel } from '../timer-wheel.js';

interface Handle {
  readonly bytesWritten: number;
  /** Those of them that the kernel has not taken. */
  readonly writeQueueSize: number;
  /** With TLS, that of the connection, whose bytes are encrypted. */
  readonly _parent?: Handle;
}

export class ReaderWatch {
  readonly #socket: Duplex;
  readonly #alarm: IdleAlarm;
  readonly #cut: () => void;
  #taken = 0;

  /** @param idleMs time in which a client has to take some of it */
  constructor(wheel: TimerWheel, idleMs: number, socket: Duplex, cut: () => void) {
    this.#socket = socket;
    this.#cut = cut;
    this.#alarm = new IdleAlarm(wheel, idleMs, () => this.#look());
  }

  /** Call when bytes wait for the client: its time begins anew. */
  start(): void {
    this.#alarm.start();
    this.#note();
    // What is being written reaches the kernel behind this turn.
    setImmediate(() => this.#note());
  }

  stop(): void {
    this.#alarm.stop();
  }

  #note(): void {
    this.#taken = takenBytes(this.#socket);
  }

  #look(): void {
    if (this.#socket.writableLength === 0) return;
    if (takenBytes(this.#socket) === this.#taken) this.#cut();
    else this.start();
  }
}

/** Bytes that the kernel has taken. */
export function takenBytes(socket: Duplex): number {
  const { _handle: handle } = socket as { _handle?: Handle | null };
  const own = handle?._parent ?? handle;
  return own ? own.bytesWritten - own.writeQueueSize : 0;
}
