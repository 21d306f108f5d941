// Checks what arrives on the port of a thread of Piscina. Code of services runs in the thread and can find
// the port. Piscina (5.3.2) reads a member of every message, so `null` would end the process.
import { Worker } from 'node:worker_threads';

/** The members of Piscina's own object of a thread that are used here. */
interface PiscinaThread {
  readonly worker: Worker;
  /** The tasks that the thread runs, by their id. */
  readonly taskInfos: ReadonlyMap<unknown, { readonly abortSignal?: unknown }>;
  onMessage(message: unknown): void;
}

/** What a thread has sent of a task: its result, or the error when Piscina could not run it. */
export interface ThreadMessage {
  readonly result?: unknown;
  readonly error?: unknown;
}

/**
 * @param created what Piscina emits as `workerCreate`
 * @param intercept called with the signal of a task and its result before Piscina gets it; true: Piscina does
 *   not get it
 */
export function checkPort(
  created: object,
  intercept: (signal: unknown, message: ThreadMessage) => boolean,
): void {
  const thread = piscinaThreadOf(created);
  if (thread === undefined) return;
  const pass = thread.onMessage.bind(thread);
  thread.onMessage = (message) => {
    if (typeof message !== 'object' || message === null) return;
    const { taskId } = message as { readonly taskId?: unknown };
    const task = thread.taskInfos.get(taskId);
    if (task !== undefined && !intercept(task.abortSignal, message)) pass(message);
  };
}

/** Undefined when this version of Piscina has none. */
function piscinaThreadOf(created: object): PiscinaThread | undefined {
  for (const symbol of Object.getOwnPropertySymbols(created)) {
    const value: unknown = (created as Record<symbol, unknown>)[symbol];
    if (isPiscinaThread(value)) return value;
  }
  return undefined;
}

function isPiscinaThread(value: unknown): value is PiscinaThread {
  if (typeof value !== 'object' || value === null) return false;
  const { worker, taskInfos, onMessage } = value as Partial<PiscinaThread>;
  return worker instanceof Worker && taskInfos instanceof Map && typeof onMessage === 'function';
}
