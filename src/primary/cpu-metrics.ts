// Records the waits and the times of CPU tasks, and the ends of their threads.
import type { TaskObserver } from '../cpu/pool-options.js';
import { THREAD_ENDS } from '../cpu/pool-task.js';
import type { Histogram, Labels, Recorder } from '../memory/metrics/recorder.js';

/** The most tasks that have series of their own. Others are counted together, under this name. */
const MOST_TASKS = 200;
const OTHER = '_OTHER';

const WAIT = 'multilane_cpu_task_wait_seconds';
const DURATION = 'multilane_cpu_task_duration_seconds';

export function cpuMetrics(recorder: Recorder): TaskObserver {
  /** Series by their labels. */
  const series = new Map<string, Histogram>();
  const tasks = new Set<string>();
  const ends = new Map(
    THREAD_ENDS.map((reason) => [reason, recorder.counter('multilane_cpu_threads_ended_total', { reason })]),
  );
  const histogram = (metric: string, labels: Labels): Histogram => {
    const key = `${metric} ${Object.values(labels).join(' ')}`;
    const one = series.get(key) ?? recorder.histogram(metric, labels);
    series.set(key, one);
    return one;
  };
  return {
    waited(service, waitMs) {
      histogram(WAIT, { service }).record(microseconds(waitMs));
    },
    used(service, task, use, ms) {
      const name = task === undefined ? OTHER : labelIn(tasks, service, task);
      histogram(DURATION, { service, task: name, outcome: use }).record(microseconds(ms));
    },
    threadEnded(reason) {
      ends.get(reason)?.add();
    },
  };
}

/** The name of the task, or `_OTHER` once there are too many. */
function labelIn(tasks: Set<string>, service: string, task: string): string {
  const key = `${service} ${task}`;
  if (!tasks.has(key) && tasks.size >= MOST_TASKS) return OTHER;
  tasks.add(key);
  return task;
}

const microseconds = (ms: number): number => Math.round(ms * 1_000);
