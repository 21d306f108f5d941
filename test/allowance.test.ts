import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { Allowance, withAllowance } from '#src/allowance.js';

/**
 * A pause that is longer than the allowances of these tests. The event loop is blocked, as in a paused
 * process.
 */
const pause = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_200);
/** Long enough for a few turns of the event loop. */
const MS = 400;
const never = new Promise<never>(() => undefined);

describe('an allowance', () => {
  it('is used up once, and not after it was cancelled', async () => {
    let spent = 0;
    const cancelled = new Allowance(1, () => spent++);
    cancelled.cancel();
    await new Promise<void>((resolve) => {
      new Allowance(30, resolve);
    });
    expect(spent).to.equal(0);
  });

  it('is not used up by a pause: time remains after it', async () => {
    let isSpent = false;
    let spent!: () => void;
    const over = new Promise<void>((resolve) => {
      spent = resolve;
    });
    const allowance = new Allowance(MS, () => {
      isSpent = true;
      spent();
    });
    pause();
    expect(allowance.leftMs).to.equal(MS);
    await turn();
    await turn();
    expect(isSpent).to.equal(false);
    await over;
    expect(allowance.leftMs).to.equal(0);
  });

  it('also ends in a process that is always late', async () => {
    let pauses = 0;
    let isSpent = false;
    new Allowance(50, () => {
      isSpent = true;
    });
    for (; !isSpent && pauses < 3; await turn(), await turn()) {
      pause();
      pauses++;
    }
    expect([isSpent, pauses]).to.deep.equal([true, 2]);
  });
});

describe('work with an allowance', () => {
  it('has ended in time when it ends soon after a pause', async () => {
    const work = new Promise((resolve) => setTimeout(resolve, 20)).then(turn).then(turn);
    const worked = withAllowance(MS, work);
    pause();
    expect((await worked).hasEnded).to.equal(true);
  });

  it('is not awaited after its time is over; before that its failure rejects', async () => {
    expect(await withAllowance(10, never)).to.deep.equal({ hasEnded: false, leftMs: 0 });
    const failure = new Error('this part is broken');
    expect(await withAllowance(10_000, Promise.reject(failure)).catch((error: unknown) => error)).to.equal(
      failure,
    );
  });
});
