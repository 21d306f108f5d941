// A task as the pool holds it, from its arrival to its end.
import type { MessagePort } from 'node:worker_threads';
import { RunStatus } from '../memory/run-status.js';
import type { ToPool } from './cpu-messages.js';
import type { Entry } from './fair-queue.js';
import type { MarkedTask } from './task-marks.js';

export type RunRequest = Extract<ToPool, { type: 'run' }>;

/**
 * How a task that had a thread has ended. `error`: it has thrown. `crash`: its thread ended by itself, or
 * could not start.
 */
const TASK_OUTCOMES = ['ok', 'error', 'timeout', 'cancelled', 'out_of_memory', 'crash'] as const;
export type TaskOutcome = (typeof TASK_OUTCOMES)[number];

/** The outcomes under which time is measured. `leftover`: what a task had left behind when it ended. */
export const TIME_USES = [...TASK_OUTCOMES, 'leftover'] as const;
export type TimeUse = (typeof TIME_USES)[number];

const ENDS_OF_TASKS = ['timeout', 'cancelled', 'out_of_memory', 'crash'] as const;
/** Why the thread of a task ends before its time. */
export type ThreadEnd = (typeof ENDS_OF_TASKS)[number];

/**
 * Why threads end before their time. `leftovers`: what ended tasks had left behind took too much of it.
 * `load`: a tasks module could not be loaded.
 */
export const THREAD_ENDS = [...ENDS_OF_TASKS, 'leftovers', 'load'] as const;

export interface Task extends Entry<Task> {
  readonly port: MessagePort;
  readonly request: RunRequest;
  /** Aborting it ends the thread that runs the task. */
  readonly controller: AbortController;
  /** The thread writes it when it begins the task. */
  readonly status: RunStatus;
  readonly arrivedAt: number;
  /** The time at which it got a thread. */
  startedAt: number | undefined;
  /**
   * The timer of the deadline. Once a running task was dropped, it is the timer of the grace time, after
   * which the thread is ended.
   */
  timer: NodeJS.Timeout | undefined;
  /** Why the caller does not wait for the task any more; undefined while it does. */
  dropped: ThreadEnd | undefined;
  /** The ended task whose leftovers kept the thread when it was ended; undefined when none did. */
  heldUpBy: MarkedTask | undefined;
}

/** @param caller its line in the queue */
export function createTask(port: MessagePort, request: RunRequest, caller: string): Task {
  const { service, priority } = request;
  return {
    service,
    caller,
    priority,
    port,
    request,
    controller: new AbortController(),
    status: new RunStatus(),
    arrivedAt: performance.now(),
    startedAt: undefined,
    timer: undefined,
    dropped: undefined,
    heldUpBy: undefined,
  };
}

/** The fields of a log line about a task. */
export type TaskFields = ReturnType<typeof logFieldsOf>;

export function logFieldsOf({ request: { module, task, service, traceparent } }: Pick<Task, 'request'>) {
  return { service, module, task, ...traceFieldsOf(traceparent) };
}

export function traceFieldsOf(traceparent: string | undefined) {
  // version "-" trace-id "-" parent-id "-" flags: https://www.w3.org/TR/trace-context/
  const [, traceId, spanId] = traceparent?.split('-') ?? [];
  return traceId === undefined ? {} : { trace_id: traceId, span_id: spanId };
}
