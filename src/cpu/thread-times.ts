// Measures how long tasks use threads. The start of a thread, and the load of a tasks module in it, are not
// the time of the task that happens to be first in it: a task pays for a start when it has ended its thread,
// so that another must start and load the module again.

import { sharedNow } from '../memory/run-status.js';
import type { Task } from './pool-task.js';
import { UnpausedClock } from './unpaused-clock.js';

/** The estimate before any thread has started. */
const FIRST_START_MS = 50;
/** Whatever is measured, the start without the load of a module is charged no more than this. */
const MOST_START_MS = 1_000;
/** The weight of the newest measured start in the estimate. */
const NEWEST = 0.2;

interface Handed {
  /** On the clock of the threads. */
  readonly at: number;
  /** On the clock that does not count pauses. */
  readonly unpausedAt: number;
}

export interface UsedTime {
  /** Milliseconds from when the thread has begun the task, without those in which it was held up. */
  readonly ranMs: number;
  /** The same, and the start of a new thread when the task has ended its own. */
  readonly usedMs: number;
}

export class ThreadTimes {
  readonly #clock = new UnpausedClock();
  readonly #handed = new Map<Task, Handed>();
  /** How long the module of each service was loaded the last time. */
  readonly #loads = new Map<string, number>();
  #usualStartMs = FIRST_START_MS;

  /** How long a new thread usually takes until it can run a task of the service. */
  startMsOf(service: string): number {
    return this.#usualStartMs + (this.#loads.get(service) ?? 0);
  }

  /** A task is handed to the threads. */
  begin(task: Task): void {
    this.#clock.start();
    this.#handed.set(task, { at: sharedNow(), unpausedAt: this.#clock.read() });
  }

  /** @param hasEndedThread whether the thread has ended with the task */
  end(task: Task, hasEndedThread: boolean): UsedTime {
    const handed = this.#handed.get(task)!;
    this.#handed.delete(task);
    const passedMs = this.#clock.read() - handed.unpausedAt;
    const pausedMs = Math.max(0, sharedNow() - handed.at - passedMs);
    if (this.#handed.size === 0) this.#clock.stop();
    const delayMs = task.status.delayMs(handed.at);
    if (delayMs !== undefined && task.status.isFirst)
      this.#usualStartMs += (Math.min(delayMs, MOST_START_MS) - this.#usualStartMs) * NEWEST;
    // The thread measures it by a clock that counts pauses.
    if (task.status.loadMs > 0) this.#loads.set(task.service, Math.min(task.status.loadMs, passedMs));
    const ranMs =
      delayMs === undefined
        ? 0
        : Math.max(0, passedMs - Math.max(0, delayMs - pausedMs) - task.status.heldUpMs - task.status.loadMs);
    return { ranMs, usedMs: hasEndedThread ? ranMs + this.startMsOf(task.service) : ranMs };
  }
}
