// Services whose tasks end their threads, beside others.
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { FIXTURE, rejection, running, TestPool, tell } from './task-kit.js';

const TASKS = 10;

describe('a service whose tasks crash', () => {
  it('pays for the threads that start in place of those that it has ended', async () => {
    const kit = new TestPool(1);
    try {
      const [crashing, calm] = ['crashing', 'calm'].map((service) => kit.worker().tasks(service, FIXTURE));
      const hold = randomUUID();
      const { result } = await running(hold, () => kit.cpu.run('untilTold', hold));
      const ends: string[] = [];
      const tasks = Array.from({ length: TASKS }, () => [
        rejection(crashing!.run('exit', null)).then(() => ends.push('crash')),
        calm!.run('echo', null).then(() => ends.push('calm')),
      ]);
      tell(hold);
      await result;
      await Promise.all(tasks.flat());
      // If each calm task paid for the start of its thread, the services would take turns.
      const crashes = ends.slice(0, ends.lastIndexOf('calm')).filter((end) => end === 'crash');
      expect(crashes.length).to.be.at.most(TASKS / 2);
    } finally {
      await kit.close();
    }
  });
});
