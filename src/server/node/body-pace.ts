// Refuses a body that arrives too slowly.
import type { HttpError } from '../../errors.js';
import { IdleAlarm } from '../idle-alarm.js';
import { ServerRefusal } from '../server-refusal.js';
import type { TimerWheel } from '../timer-wheel.js';

/** A body is refused when fewer than SLOW_BYTES of it arrive within SLOW_MS. */
const SLOW_BYTES = 10 * 1024;
const SLOW_MS = 10_000;

export const tooSlow = (): HttpError =>
  new ServerRefusal(
    'BODY_TIMEOUT',
    `Less than ${SLOW_BYTES} bytes of the body arrived within ${SLOW_MS / 1000} seconds.`,
  );

export class BodyPace {
  readonly #alarm: IdleAlarm;
  /** Bytes since the alarm was last touched. */
  #bytes = 0;

  /** @param isSlow called when the body is too slow, until the watch is stopped or started anew */
  constructor(wheel: TimerWheel, isSlow: () => void) {
    this.#alarm = new IdleAlarm(wheel, SLOW_MS, isSlow);
  }

  /** Starts to watch, or starts anew. */
  start(): void {
    this.#alarm.start();
  }
  stop(): void {
    this.#alarm.stop();
  }

  arrived(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < SLOW_BYTES) return;
    this.#bytes = 0;
    this.#alarm.touch();
  }
}
