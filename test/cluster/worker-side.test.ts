import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import type { FromWorker, ToWorker } from '#src/cluster/messages.js';
import type { Failing, Report } from './failing-thread.js';

const order = { type: 'drain', withinMs: 0, isFault: false } as const;
const usual: Failing = { fails: 'never', how: 'throws', unhandledRejection: 'replace' };

/**
 * Resolves with the report of the thread at the end of its drain. The test plays the primary and confirms
 * `leaving`.
 */
async function drained(failing: Partial<Failing>, sent?: ToWorker, posted: string[] = []): Promise<boolean> {
  const workerData: Failing = { ...usual, ...failing };
  const thread = new Worker(new URL('./failing-thread.js', import.meta.url), { workerData });
  const exit = once(thread, 'exit');
  const reports: Report[] = [];
  thread.on('message', (message: FromWorker | Report) => {
    if ('type' in message) posted.push(message.type);
    if ('hasFailed' in message) reports.push(message);
    else if (message.type === 'leaving') thread.postMessage({ type: 'detached', withinMs: 0 });
    else if (message.type === 'fatal') thread.postMessage(order);
  });
  if (sent !== undefined) thread.postMessage(sent);
  await exit;
  expect(reports).to.have.length(1);
  return reports[0]!.hasFailed;
}

describe('a worker that drains', () => {
  it('has not failed when it drains only by order', async () => {
    expect(await drained({}, order)).to.equal(false);
  });

  it('posts nothing more about its configuration when it has left', async () => {
    const posted: string[] = [];
    expect(await drained({ how: 'refuses when it has left' }, order, posted)).to.equal(false);
    expect(posted).to.deep.equal(['leaving']);
  });

  it('has not failed because a client has left that code of a service waited for', async () => {
    const failing = { fails: 'while it drains', how: 'rejects for its client' } as const;
    expect(await drained(failing, order)).to.equal(false);
  });

  for (const [what, failing, sent] of [
    ['an exception that nothing catches', { fails: 'at once' }],
    ['a rejection that nothing handles', { fails: 'at once', how: 'rejects' }],
    ['a rejection that ends the process', { fails: 'at once', how: 'rejects', unhandledRejection: 'exit' }],
    ['a call of process.exit', { fails: 'at once', how: 'exits' }],
    ['an exception while it drains by order', { fails: 'while it drains' }, order],
    ['code that had to be interrupted', {}, { type: 'recover' }],
    ['code that has wedged it or filled its heap', {}, { ...order, isFault: true }],
  ] as readonly (readonly [string, Partial<Failing>, ToWorker?])[]) {
    it(`has failed because of ${what}`, async () => {
      expect(await drained(failing, sent)).to.equal(true);
    });
  }
});
