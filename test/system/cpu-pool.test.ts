// The CPU pool of a whole process: its switch, its metrics and its errors.
import { expect } from 'chai';
import { get, json, put } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { CPU_POOL } from './fixtures/paths.js';

describe('the CPU pool of a process', () => {
  const cluster = useCluster({
    config: CPU_POOL,
    // V8's limit holds for all threads. On Node.js 20 nothing else limits the heap of a CPU thread.
    env: { CPU_THREADS: '1', WORKERS: '1', WORKER_HEAP_MB: '64', NODE_OPTIONS: '--max-old-space-size=100' },
  });
  const metrics = async (): Promise<string> => (await get(`${cluster.adminUrl}/metrics`)).text();
  const setThreads = (threads: unknown): Promise<Response> =>
    put(`${cluster.adminUrl}/switches/cpu-threads`, { threads });

  it('gives a task the trace of its request', async () => {
    const traceId = 'a1'.repeat(16);
    const response = await get(`${cluster.url}/trace`, { traceparent: `00-${traceId}-${'b2'.repeat(8)}-01` });
    expect(await response.text()).to.match(new RegExp(`^00-${traceId}-[0-9a-f]{16}-0[01]$`));
  });

  it('responds 500 when a task eats its heap, says why in the log, and goes on', async () => {
    const problem = await expectProblem(await get(`${cluster.url}/hungry`), 500, 'INTERNAL');
    expect(problem.detail ?? '').to.not.include('hoard');
    expect(await (await get(`${cluster.url}/calm`)).text()).to.equal('5');
    const lines = await until(
      () => cluster.logs().filter(({ msg }) => String(msg).includes('ran out of memory')),
      (found) => found.length > 0,
    );
    expect(lines[0]).to.include({ task: 'hoard', service: 'calm' }).and.to.have.property('trace_id');
    const shown = await metrics();
    expect(shown).to.match(/^multilane_cpu_threads_ended_total\{reason="out_of_memory"\} 1$/m);
    expect(shown).to.match(
      /^multilane_cpu_task_duration_seconds_count\{service="calm",task="hoard",outcome="out_of_memory"\} 1$/m,
    );
    expect(shown).to.match(/^multilane_cpu_task_wait_seconds_count\{service="calm"\} [1-9]/m);
    expect(shown).to.match(/^multilane_cpu_pool_utilization_ratio 0?\.?\d/m);
  });

  it('gets another number of threads by a switch', async () => {
    expect(await json(await setThreads(2), 200)).to.include({ threads: 2, setting: 1 });
    expect(await metrics()).to.match(/^multilane_cpu_pool_threads_max 2$/m);
    let isOver = false;
    const flood = async (): Promise<void> => {
      while (!isOver) expect((await get(`${cluster.url}/flood`)).status).to.equal(200);
    };
    const floods = [1, 2, 3, 4].map(flood);
    await until(metrics, (shown) => /^multilane_cpu_threads\{state="busy"\} 2$/m.test(shown)).finally(() => {
      isOver = true;
    });
    await Promise.all(floods);
    const { cpuThreads } = await json<{ cpuThreads: object }>(await get(`${cluster.adminUrl}/switches`));
    expect(cpuThreads).to.include({ threads: 2 });
    expect(await json(await setThreads(null), 200)).to.include({ threads: 1, setting: 1, since: null });
    await expectProblem(await setThreads(300), 422, 'VALIDATION_FAILED');
  });

  it('serves a service at its pace while another one floods it', async () => {
    let isOver = false;
    const flood = async (): Promise<void> => {
      while (!isOver) await (await get(`${cluster.url}/flood`)).arrayBuffer();
    };
    const floods = Array.from({ length: 30 }, flood);
    await until(metrics, (shown) => /^multilane_cpu_pool_queue_length [1-9]/m.test(shown));
    // One after the other, so at most one of them waits, and behind the running task of the flood only.
    const calm: number[] = [];
    for (let n = 0; n < 20; n++) calm.push((await get(`${cluster.url}/calm`)).status);
    const shown = await metrics();
    isOver = true;
    await Promise.all(floods);
    expect(calm).to.deep.equal(Array(20).fill(200));
    const count = (service: string, task: string, shown: string): number =>
      Number(
        new RegExp(
          `^multilane_cpu_task_duration_seconds_count\\{service="${service}",task="${task}",outcome="ok"\\} (\\d+)$`,
          'm',
        ).exec(shown)?.[1] ?? 0,
      );
    // With one line for all, the 30 flooding clients would have 30 tasks for each calm one.
    expect(count('flood', 'burn', shown)).to.be.below(5 * count('calm', 'burn', shown));
  }).timeout(60_000);

  // It stops the process, so it is the last one.
  it('finishes a task that was started outside of a request before the process ends', async () => {
    await get(`${cluster.url}/later`);
    await until(metrics, (shown) => /^multilane_cpu_threads\{state="busy"\} 1$/m.test(shown));
    expect(await cluster.stop('SIGTERM')).to.deep.equal({ code: 0, signal: null });
    const ends = cluster.logs().filter(({ msg }) => String(msg).startsWith('the task outside of a request'));
    expect(ends.map(({ msg }) => msg)).to.deep.equal(['the task outside of a request has ended']);
  });
});
