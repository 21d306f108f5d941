import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import fc from 'fast-check';
import { interruptThread } from '#src/cluster/interrupt.js';
import type { Ran, Step } from './immediates-thread.js';

const END: typeof import('./immediates-thread.js').END = -1;

const RUNS = 60;

describe('immediates that are interrupted', () => {
  let thread: Worker;
  const ran: Ran[] = [];

  before(async () => {
    thread = new Worker(new URL('./immediates-thread.js', import.meta.url));
    await once(thread, 'message');
    thread.on('message', (number: Ran) => ran.push(number));
  });
  after(() => thread.terminate());

  const standing = (steps: readonly Step[]): number =>
    steps.filter((step) => step === 'stall' || step === 'tick' || step === 'microtask').length;

  /** Resolves with the numbers of the immediates that have run. */
  async function ranOf(steps: readonly Step[]): Promise<readonly Ran[]> {
    ran.length = 0;
    thread.postMessage(steps);
    let ended = 0;
    while (ended < standing(steps)) if (typeof (await interruptThread(thread.threadId)) === 'object') ended++;
    thread.postMessage([]);
    while (ran.at(-1) !== END) await once(thread, 'message');
    return ran.slice(0, -1);
  }

  /** The numbers of all immediates that neither stall nor are cleared. */
  const expected = (steps: readonly Step[]): readonly Ran[] =>
    [...steps.keys()].filter((number) => steps[number] !== 'stall' && steps[number] !== 'cleared');

  it('end at any position of their batch, and all others run, once and in their own context', async function () {
    this.timeout(120_000);
    const step = fc.constantFrom<Step>('run', 'run', 'stall', 'tick', 'microtask', 'cleared', 'next batch');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        const numbers = await ranOf(steps);
        expect(
          numbers.toSorted((a, b) => a - b),
          steps.join(),
        ).to.deep.equal(expected(steps));
      }),
      {
        numRuns: RUNS,
        examples: [
          [['stall']],
          [['stall', 'run']],
          [['run', 'stall']],
          [['run', 'stall', 'run', 'cleared', 'stall', 'run']],
          [['tick', 'run']],
          [['next batch', 'stall']],
        ],
      },
    );
  });

  it('leave an idle thread behind', async () => {
    await ranOf(['run', 'stall', 'run']);
    const usage = thread.performance.eventLoopUtilization();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(thread.performance.eventLoopUtilization(usage).utilization).to.be.below(0.5);
  });

  it('are not interrupted where they cannot be found', async () => {
    thread.postMessage(['run', 'nested', 'run']);
    let answer: unknown = 'responsive';
    while (answer === 'responsive') answer = await interruptThread(thread.threadId);
    expect(answer).to.equal('unreachable');
  });
});
