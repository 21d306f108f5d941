// The line of a task in the queue of its service. Each route has one, and outside of requests (in sagas and
// WebSockets) each task. Names of tasks may come from strangers, so only those that exist have a line of
// their own: one client could otherwise take the turns of many callers.

interface Called {
  readonly module: string;
  readonly task: string;
  /** The route; undefined outside of requests. */
  readonly caller: string | undefined;
}

export class CallerLines {
  readonly #known = new Set<string>();

  /** The module exports the task. */
  exists({ module, task }: Called): void {
    this.#known.add(`${module} ${task}`);
  }

  /** Whether the module is known to export the task. */
  knows({ module, task }: Pick<Called, 'module' | 'task'>): boolean {
    return this.#known.has(`${module} ${task}`);
  }

  of({ module, task, caller }: Called): string {
    if (caller !== undefined) return caller;
    return this.knows({ module, task }) ? `${module} ${task}` : module;
  }
}
