import { expect } from 'chai';
import type { CpuTasks } from '#src/cpu/cpu-client.js';
import { HttpError } from '#src/errors.js';
import { rejection, TestPool } from './task-kit.js';
import {
  HIDDEN,
  LEFT_BEHIND,
  NOT_SENT,
  RETURNED_BUT_THROWS,
  SENT,
  SENT_OR_NOT,
  THROWN,
} from './task-values.js';

describe('a value that a CPU task returns, throws or leaves behind', () => {
  let kit: TestPool;
  let cpu: CpuTasks;
  let thread: number;

  before(async () => {
    kit = new TestPool(1, { tasks: new URL('./task-values.js', import.meta.url) });
    ({ cpu } = kit);
    thread = await cpu.run('thread', null);
  });

  after(() => kit.close());

  /** Checks that the only thread is alive and runs the next task. */
  const livesOn = async (): Promise<void> => {
    expect(await cpu.run('turn', null)).to.equal(thread);
  };

  for (const [name, [, isWhole]] of Object.entries(SENT)) {
    it(`reaches its caller, however often it is returned: ${name}`, async () => {
      for (let n = 0; n < 2; n++) expect(isWhole((await cpu.run('sent', name)) as never)).to.equal(true);
      await livesOn();
    });
  }

  for (const name of Object.keys(NOT_SENT)) {
    it(`fails with the name of the task when it cannot be sent: ${name}`, async () => {
      for (let n = 0; n < 2; n++) {
        const error = await rejection(cpu.run('notSent', name));
        expect(error).to.not.be.instanceOf(HttpError);
        expect(error.message).to.match(
          /^CPU task notSent: its result cannot be (sent to its caller|read): ./s,
        );
      }
      await livesOn();
    });
  }

  for (const [name, make] of Object.entries(HIDDEN)) {
    it(`fails with the name of the task as an input, instead of arriving as {}: ${name}`, async () => {
      for (const input of [make(), { all: [make()] }]) {
        const { message } = await rejection(cpu.run('echo', input));
        expect(message).to.match(/^CPU task echo: its input cannot be sent to a thread: ./);
      }
    });
  }

  it('fails with the name of the task when its bytes were moved by an earlier call', async () => {
    await cpu.run('keptBytes', null);
    for (const task of ['keptBytes', 'keptPart', 'keptBytes']) {
      const { message } = await rejection(cpu.run(task, null));
      expect(message).to.contain(`CPU task ${task}:`).and.contain('moved by an earlier call');
    }
    await livesOn();
  });

  for (const name of Object.keys(SENT_OR_NOT)) {
    it(`is sent or rejected, depending on the version of Node.js: ${name}`, async () => {
      for (let n = 0; n < 2; n++) {
        const result = await cpu.run('sentOrNot', name).catch((error: Error) => error);
        if (result instanceof Error)
          expect(result.message).to.contain('CPU task sentOrNot: its result cannot');
      }
      await livesOn();
    });
  }

  for (const name of Object.keys(RETURNED_BUT_THROWS)) {
    it(`fails the task when it throws while the task resolves with it: ${name}`, async () => {
      expect((await rejection(cpu.run('returnedButThrows', name))).message).to.match(/trap|revoked|function/);
      await livesOn();
    });
  }

  for (const name of Object.keys(THROWN)) {
    it(`reaches its caller as an error when it is thrown: ${name}`, async () => {
      for (const task of ['thrown', 'rejected']) {
        const error = await rejection(cpu.run(task, name));
        expect(error.message, task).to.be.a('string').and.not.contain('the thread of CPU task');
      }
      await livesOn();
    });
  }

  it('keeps message and task when it is an error with members that cannot be sent', async () => {
    const { message } = await rejection(cpu.run('thrown', 'an HttpError whose members cannot be cloned'));
    expect(message).to.match(
      /^CPU task thrown: what it has thrown \(HttpError: x\) cannot be sent to its caller: ./,
    );
  });

  for (const name of Object.keys(LEFT_BEHIND)) {
    it(`does not disturb the next task when it throws later, and is logged once: ${name}`, async () => {
      kit.lines.length = 0;
      expect(await cpu.run('leaveBehind', name)).to.equal('done');
      await livesOn();
      await livesOn();
      expect(kit.lines.map(({ level, msg }) => [level, msg])).to.deep.equal([
        [50, 'uncaught exception of a CPU task that had already ended'],
      ]);
      expect(kit.lines[0]).to.include({ task: 'leaveBehind' });
    });
  }

  it('fails the task or is logged when it throws in a microtask, whose task Node.js may not know', async () => {
    kit.lines.length = 0;
    const failed = await cpu.run('throwInMicrotask', null).then(
      () => false,
      () => true,
    );
    await livesOn();
    expect(kit.lines).to.have.length(failed ? 0 : 1);
  });

  it('fails the task itself when it throws beside a promise that would never settle', async () => {
    for (const name of ['a rejected promise', 'a timer', 'an immediate', 'a tick', 'an async function']) {
      expect((await rejection(cpu.run('failBeside', name))).message, name).to.match(/trap|left behind/);
      await livesOn();
    }
  });
});

describe('the input of a CPU task', () => {
  let kit: TestPool;

  before(() => {
    kit = new TestPool(1, { tasks: new URL('./task-values.js', import.meta.url) });
  });

  after(() => kit.close());

  it('is rejected with the name of the task when it cannot be sent, and no task starts', async () => {
    for (const [name, make] of Object.entries(NOT_SENT)) {
      // The serializer takes this one for an object without members.
      if (name === 'what only looks like bytes') continue;
      const value = make();
      if (name.startsWith('a rejected')) (value as Promise<unknown>[])[0]!.catch(() => undefined);
      const { message } = await rejection(kit.cpu.run('echo', value));
      expect(message, name).to.match(/^CPU task echo: its input cannot be sent to a thread: ./s);
    }
    expect(kit.pool).to.include({ running: 0, queueLength: 0 });
    expect(await kit.cpu.run('echo', 1)).to.equal(1);
  });

  it('requires the name of a task', async () => {
    for (const name of [undefined, null, 5, {}, Symbol('a'), Object('echo')]) {
      const error = await rejection(kit.cpu.run(name as string, 1));
      expect(error).to.be.instanceOf(TypeError);
      expect(error.message).to.include('must be the name of an export');
    }
    expect(await kit.cpu.run('echo', 1)).to.equal(1);
  });

  it('remains with its owner', async () => {
    const bytes = new Uint8Array(100);
    for (let n = 0; n < 2; n++) expect(await kit.cpu.run('echo', bytes)).to.have.length(100);
    expect(bytes).to.have.length(100);
  });
});
