// Logs what tasks leave behind. Code of services can send such messages in a loop, so their number is
// limited.
import type { Logger } from 'pino';
import { readLeftover } from './cpu-messages.js';
import { traceFieldsOf } from './pool-task.js';
import type { TaskMarks } from './task-marks.js';

const EVERY_MS = 1_000;
/** The most lines in that time. */
const MOST_LINES = 100;

export class LeftoverLog {
  readonly #log: Pick<Logger, 'error'>;
  readonly #marks: Pick<TaskMarks, 'task'>;
  readonly #now: () => number;
  #from = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #omitted = 0;

  /** @param now the clock, in milliseconds */
  constructor(
    log: Pick<Logger, 'error'>,
    marks: Pick<TaskMarks, 'task'>,
    now: () => number = () => performance.now(),
  ) {
    this.#log = log;
    this.#marks = marks;
    this.#now = now;
  }

  /** @param data a message of a thread; anything else than a Leftover is ignored */
  add(data: unknown): void {
    const leftover = readLeftover(data);
    if (leftover === undefined) return;
    if (this.#now() - this.#from >= EVERY_MS) {
      this.#from = this.#now();
      this.#lines = 0;
    }
    if (++this.#lines > MOST_LINES) {
      this.#omitted++;
      return;
    }
    const { of, task, mark, traceparent, message, stack } = leftover;
    const service = this.#marks.task(mark)?.service;
    const omitted = this.#omitted > 0 ? { omittedLines: this.#omitted } : {};
    this.#omitted = 0;
    const fields = { service, task, ...traceFieldsOf(traceparent), ...omitted };
    if (of === 'listener') {
      this.#log.error(fields, message);
      return;
    }
    const err = Object.assign(new Error(message), { stack });
    const what = of === 'load' ? 'the load of a tasks module' : 'a CPU task that had already ended';
    this.#log.error({ ...fields, err }, `uncaught exception of ${what}`);
  }
}
