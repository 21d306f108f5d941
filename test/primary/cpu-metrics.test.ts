import { expect } from 'chai';
import { TIME_USES } from '#src/cpu/pool-task.js';
import type { Recorder } from '#src/memory/metrics/recorder.js';
import { cpuMetrics } from '#src/primary/cpu-metrics.js';

describe('the metrics of CPU tasks', () => {
  it('are recorded in microseconds under service, task and outcome, for a bounded number of tasks', () => {
    const recorded: string[] = [];
    let lookups = 0;
    const recorder = {
      histogram: (metric: string, labels: object) => {
        lookups++;
        return {
          record: (us: number) => recorded.push(`${metric} ${Object.values(labels).join(' ')} ${us}`),
        };
      },
      counter: (metric: string, { reason }: { reason: string }) => ({
        add: () => recorded.push(`${metric} ${reason}`),
      }),
    } as unknown as Recorder;
    const metrics = cpuMetrics(recorder);
    metrics.waited('demo', 1.5);
    metrics.used('demo', 'fib', 'ok', 2.25);
    metrics.used('demo', undefined, 'error', 1);
    metrics.threadEnded('out_of_memory');
    expect(recorded).to.deep.equal([
      'multilane_cpu_task_wait_seconds demo 1500',
      'multilane_cpu_task_duration_seconds demo fib ok 2250',
      'multilane_cpu_task_duration_seconds demo _OTHER error 1000',
      'multilane_cpu_threads_ended_total out_of_memory',
    ]);
    for (let n = 0; n < 1_000; n++) for (const use of TIME_USES) metrics.used('demo', `task${n}`, use, 1);
    // 200 tasks, and those without a name of their own, each with 7 outcomes.
    expect(lookups).to.be.at.most(1 + 201 * TIME_USES.length);
    expect(recorded.at(-1)).to.include(' _OTHER ');
  });
});
