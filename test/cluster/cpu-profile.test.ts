import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { cpuProfile } from '#src/cluster/cpu-profile.js';
import { InspectorError } from '#src/cluster/thread-inspector.js';
import type { Order } from './inspected-thread.js';

const never = new AbortController().signal;

const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => {
      if (error instanceof InspectorError) return error.code;
      throw error;
    },
  );

describe('a CPU profile of a thread', () => {
  let thread: Worker;

  beforeEach(async () => {
    thread = new Worker(new URL('./inspected-thread.js', import.meta.url), { name: '[worker 1]' });
    await once(thread, 'message');
  });
  afterEach(() => thread.terminate());

  const loop = async (): Promise<void> => {
    thread.postMessage('loop' satisfies Order);
    await once(thread, 'message');
  };

  it('is the JSON that V8 sends, also for a thread in an endless loop', async () => {
    await loop();
    const profile = JSON.parse(await cpuProfile(thread.threadId, 50, never)) as object;
    expect(profile).to.have.all.keys('nodes', 'startTime', 'endTime', 'samples', 'timeDeltas');
  });

  it('leaves nothing in the thread when it is aborted', async () => {
    const stop = new AbortController();
    const profiling = failure(cpuProfile(thread.threadId, 60_000, stop.signal));
    stop.abort();
    expect(await profiling).to.equal('SESSION_CLOSED');
    expect(await failure(cpuProfile(thread.threadId, 1, stop.signal)), 'told before').to.equal(
      'SESSION_CLOSED',
    );
    expect(await failure(cpuProfile(thread.threadId, 1, never))).to.equal('none');
  });

  it('fails at once when the thread ends meanwhile, or does not exist', async () => {
    const { threadId } = thread;
    const profiling = failure(cpuProfile(threadId, 60_000, never));
    thread.postMessage('end' satisfies Order);
    expect(await profiling).to.equal('THREAD_GONE');
    expect(await failure(cpuProfile(threadId, 1, never))).to.equal('THREAD_GONE');
  });
});
