// A model of one worker's event loop as libuv and Node.js 20 run it. Its phases are: poll (the callbacks of
// all sockets that were ready when the poll returned; after 1,024 it polls again at once, up to 48 times),
// immediates, timers (in whole milliseconds, those that were due when the phase began), and the next poll,
// which sleeps when nothing is ready and no timer is due.
import type { LoopSignals } from '#src/resilience/loop-signals.js';
import type { Agenda } from './agenda.js';

/** One callback. */
export interface Task {
  /** Called at the beginning of the callback. @returns CPU time of the callback in milliseconds */
  begin(): number;
  /** Called when that time has passed. */
  end(): void;
}

/** Additional time of the running callback: a pause of the garbage collector. */
export type Pauses = (now: number) => number;

const EVENTS_OF_A_POLL = 1_024;
const POLLS_OF_A_PHASE = 48;
/** CPU time for the system calls and bookkeeping of one turn. */
const TURN_MS = 0.004;
/** Idle time that a poll adds even if it returns at once. */
const LEAST_SLEEP_MS = 0.001;

export class ModelLoop implements LoopSignals {
  readonly #agenda: Agenda;
  readonly #pauses: Pauses;
  /** Timers by the millisecond in which they are due, and those milliseconds in order. */
  readonly #timers = new Map<number, Task[]>();
  readonly #dueTimes: number[] = [];
  #ready: Task[] = [];
  #immediates: (() => void)[] = [];
  #sleptMs = 0;
  /** Time since when the loop sleeps; undefined while it runs. */
  #asleepSince: number | undefined = 0;
  #wakeUp = 0;

  constructor(agenda: Agenda, pauses: Pauses = () => 0) {
    this.#agenda = agenda;
    this.#pauses = pauses;
  }

  now(): number {
    return this.#agenda.now;
  }

  sleptMs(): number {
    return this.#sleptMs;
  }

  afterPoll(callback: () => void): void {
    this.#immediates.push(callback);
  }

  /** Adds the callback of a socket that has become readable. */
  readable(task: Task): void {
    this.#ready.push(task);
    this.#wake();
  }

  /** Adds a timer, as setTimeout does. */
  timer(ms: number, task: Task): void {
    const dueAt = Math.floor(this.#agenda.now) + Math.max(1, Math.round(ms));
    const others = this.#timers.get(dueAt);
    if (others !== undefined) {
      others.push(task);
      return;
    }
    this.#timers.set(dueAt, [task]);
    // The position is nearly always close to the end, because most timers are due later than earlier ones.
    let index = this.#dueTimes.length;
    while (index > 0 && this.#dueTimes[index - 1]! > dueAt) index--;
    this.#dueTimes.splice(index, 0, dueAt);
    if (this.#asleepSince !== undefined) this.#wakeForTimer();
  }

  #wakeForTimer(): void {
    const [next] = this.#dueTimes;
    if (next === undefined) return;
    const wakeUp = ++this.#wakeUp;
    this.#agenda.at(Math.max(this.#agenda.now, next), () => {
      if (wakeUp === this.#wakeUp) this.#wake();
    });
  }

  #wake(): void {
    if (this.#asleepSince === undefined) return;
    this.#sleptMs += this.#agenda.now - this.#asleepSince;
    this.#asleepSince = undefined;
    this.#wakeUp++;
    this.#runPoll(true);
  }

  #poll(): void {
    const isTimerDue = this.#dueTimes.length > 0 && this.#dueTimes[0]! <= this.#agenda.now;
    const mayWait = !isTimerDue && this.#immediates.length === 0;
    if (mayWait && this.#ready.length === 0) {
      this.#asleepSince = this.#agenda.now;
      this.#wakeForTimer();
    } else this.#runPoll(mayWait);
  }

  #runPoll(mayWait: boolean): void {
    if (mayWait) this.#sleptMs += LEAST_SLEEP_MS;
    this.#runBatch(1);
  }

  #runBatch(poll: number): void {
    const batch = this.#ready.splice(0, EVENTS_OF_A_POLL);
    const isLast = batch.length < EVENTS_OF_A_POLL || poll === POLLS_OF_A_PHASE;
    this.#runAll(batch, 0, () => (isLast ? this.#runImmediates() : this.#runBatch(poll + 1)));
  }

  #runImmediates(): void {
    const callbacks = this.#immediates;
    this.#immediates = [];
    for (const callback of callbacks) callback();
    const now = Math.floor(this.#agenda.now);
    const tasks: Task[] = [];
    while (this.#dueTimes.length > 0 && this.#dueTimes[0]! <= now) {
      const dueAt = this.#dueTimes.shift()!;
      tasks.push(...this.#timers.get(dueAt)!);
      this.#timers.delete(dueAt);
    }
    this.#runAll(tasks, 0, () => this.#poll());
  }

  #runAll(tasks: readonly Task[], from: number, then: () => void): void {
    for (let index = from; index < tasks.length; index++) {
      const task = tasks[index]!;
      const cpuMs = task.begin() + this.#pauses(this.#agenda.now);
      if (cpuMs > 0) {
        this.#agenda.after(cpuMs, () => {
          task.end();
          this.#runAll(tasks, index + 1, then);
        });
        return;
      }
      task.end();
    }
    this.#agenda.after(TURN_MS / 2, then);
  }
}
