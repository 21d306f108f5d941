// How callers share the queue of the CPU pool.
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { runInScope } from '#src/scope.js';
import { running, scopeOf, TestPool, tell } from './task-kit.js';

/** Calls of one route. */
function from<T>(template: string, begin: () => Promise<T>): Promise<T> {
  const route = { service: 'demo', method: 'GET', template };
  return runInScope(scopeOf(Deadline.after(60_000), undefined, route), begin);
}

describe('the queue of the CPU pool', () => {
  let kit: TestPool;
  afterEach(() => kit.close());

  it('is not filled by one route for the others: each has its share and its turn', async () => {
    kit = new TestPool(1, { maxQueue: 4 });
    const { cpu, pool } = kit;
    const channel = randomUUID();
    const first = await running(channel, () => cpu.run('untilTold', channel));
    const ended: string[] = [];
    const refused: string[] = [];
    const call = (route: string, name: string): Promise<unknown> =>
      from(route, () => cpu.run('echo', name)).then(
        () => ended.push(name),
        (error: unknown) => {
          expect(error).to.include({ code: 'CPU_QUEUE_FULL', status: 503, retryable: true });
          refused.push(name);
        },
      );
    const hot = ['hot 1', 'hot 2', 'hot 3', 'hot 4', 'hot 5'].map((name) => call('/hot', name));
    await hot[4];
    expect(refused).to.deep.equal(['hot 5']);
    const calm = [call('/calm', 'calm 1'), call('/calm', 'calm 2'), call('/other', 'other')];
    await Promise.all([hot[2], hot[3]]);
    await call('/hot', 'hot 6');
    expect(pool.queueLength).to.equal(4);
    tell(channel);
    await Promise.all([first.result, ...hot, ...calm]);
    expect(ended).to.deep.equal(['hot 1', 'calm 1', 'other', 'calm 2']);
    expect(refused).to.have.members(['hot 5', 'hot 4', 'hot 3', 'hot 2', 'hot 6']);
    expect(pool.refused).to.deep.equal({ queue: 1, route_share: 4 });
  });

  it('is shared out by task where no route is served', async () => {
    kit = new TestPool(1, { maxQueue: 2 });
    const channel = randomUUID();
    const first = await running(channel, () => kit.cpu.run('untilTold', channel));
    const hot = [1, 2].map((n) => kit.cpu.run('echo', n).catch(({ code }: { code: string }) => code));
    const thread = kit.cpu.run('thread', null);
    expect(await hot[1]).to.equal('CPU_QUEUE_FULL');
    tell(channel);
    await first.result;
    expect([await hot[0], await thread]).to.deep.equal([1, await kit.cpu.run('thread', null)]);
  });
});
