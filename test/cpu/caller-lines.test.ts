// Names of tasks may come from strangers; they take neither turns nor room from the callers of a service.
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { CallerLines } from '#src/cpu/caller-lines.js';
import { Deadline } from '#src/deadline.js';
import { runInScope } from '#src/scope.js';
import { running, scopeOf, TestPool, tell } from './task-kit.js';

describe('the line of a CPU task', () => {
  it('is that of its route; outside of requests that of the task, once it is known to exist', () => {
    const lines = new CallerLines();
    const called = (task: string, caller?: string) => ({ module: 'm', task, caller });
    expect(lines.of(called('a', 'route'))).to.equal('route');
    expect(lines.of(called('a'))).to.equal(lines.of(called('b')));
    lines.exists(called('a'));
    expect(lines.of(called('a'))).not.to.equal(lines.of(called('b')));
    expect(lines.of(called('b'))).to.equal(lines.of(called('c')));
  });

  it('is not one of many for a client that makes up names: a route of the service keeps its room', async () => {
    const kit = new TestPool(1, { maxQueue: 8 });
    const channel = randomUUID();
    const { result } = await running(channel, () => kit.cpu.run('untilTold', channel));
    const madeUp = Array.from({ length: 60 }, (_, n) => kit.cpu.run(`none${n}`, null).catch(() => n));
    const scope = scopeOf(Deadline.after(60_000), undefined, {
      service: 'demo',
      method: 'GET',
      template: '/route',
    } as object);
    const routed = [1, 2, 3, 4].map((n) => runInScope(scope, () => kit.cpu.run('echo', n)));
    tell(channel);
    expect(await Promise.all(routed)).to.deep.equal([1, 2, 3, 4]);
    await Promise.all([result, ...madeUp]);
    await kit.close();
  });
});
