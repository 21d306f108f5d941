// Rings when nothing has happened for a while. One alarm of the wheel serves many touches: when it rings it
// looks at the last one and, if there is reason to, waits on. When it rings late it waits a little more, once: what would
// have touched it may have happened and not be known yet.
import { type Alarm, LATE_MS, type TimerWheel } from './timer-wheel.js';

export class IdleAlarm {
  readonly #wheel: TimerWheel;
  readonly #idleMs: number;
  readonly #ring: () => void;
  #alarm: Alarm | undefined;
  #touchedAt = 0;
  /** The touch since which it has waited a little more. */
  #grantedTo: number | undefined;

  constructor(wheel: TimerWheel, idleMs: number, ring: () => void) {
    this.#wheel = wheel;
    this.#idleMs = idleMs;
    this.#ring = ring;
  }

  /** Silence counts from now. */
  start(): void {
    this.touch();
    this.#alarm?.cancel();
    this.#wait(this.#idleMs);
  }

  touch(): void {
    this.#touchedAt = this.#wheel.now();
  }

  stop(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
  }

  #wait(ms: number): void {
    this.#alarm = this.#wheel.after(ms, () => {
      const left = this.#touchedAt + this.#idleMs - this.#wheel.turnedAt;
      if (left > 0) this.#wait(left);
      else if (this.#wheel.isLate && this.#grantedTo !== this.#touchedAt) {
        this.#grantedTo = this.#touchedAt;
        this.#wait(LATE_MS);
      } else this.#ring();
    });
  }
}
