// Numbers that stand for tasks and their services, so that a thread can name a task in shared memory.

/** The most tasks that have a number of their own. Others of a service share one. */
const MOST_TASKS = 1_000;
const OTHER = '_OTHER';

export interface MarkedTask {
  readonly service: string;
  readonly task: string;
}

export class TaskMarks {
  readonly #marks = new Map<string, number>();
  readonly #tasks: (MarkedTask | undefined)[] = [];
  /** Numbers of tasks that do not exist, for others. */
  readonly #free: number[] = [];

  /** A whole number > 0 that is always the same for a task of a service. */
  of(service: string, name: string): number {
    const key = `${service} ${name}`;
    const known = this.#marks.get(key);
    if (known !== undefined) return known;
    if (this.#marks.size >= MOST_TASKS && name !== OTHER) return this.of(service, OTHER);
    const mark = this.#free.pop() ?? this.#tasks.length + 1;
    this.#tasks[mark - 1] = { service, task: name };
    this.#marks.set(key, mark);
    return mark;
  }

  /** The task does not exist, so nothing can be left of it: a stranger may have made up its name. */
  forget(service: string, name: string): void {
    const key = `${service} ${name}`;
    const mark = this.#marks.get(key);
    if (mark === undefined || name === OTHER) return;
    this.#marks.delete(key);
    this.#tasks[mark - 1] = undefined;
    this.#free.push(mark);
  }

  /** Undefined for a number that stands for no task: code of services runs in the threads that send it. */
  task(mark: unknown): MarkedTask | undefined {
    return typeof mark === 'number' ? this.#tasks[mark - 1] : undefined;
  }
}
