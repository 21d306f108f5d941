// `cpu.run` with a function of the tasks module, which gives types to the call.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import type { Cpu, TaskContext } from '#src/api/service-definition.js';
import { Deadline } from '#src/deadline.js';
import { runInScope } from '#src/scope.js';
import { bytes, contextOf, double, sumOf, double as twice } from './task-fixture.js';
import { rejection, scopeOf, TestPool, trace } from './task-kit.js';

describe('a CPU task that is given as a function', () => {
  let kit: TestPool;
  let cpu: Cpu;

  before(() => {
    kit = new TestPool(1);
    cpu = kit.cpu;
  });

  after(() => kit.close());

  it('runs under the name of its export, with the types of the function', async () => {
    const result: { readonly doubled: number } = await cpu.run(double, { n: 21 });
    expect(result).to.deep.equal({ doubled: 42 });
    const many: Uint8Array = await cpu.run(bytes, 3, { priority: 'high' });
    expect(many).to.have.length(3);
    expect(await cpu.run(twice, { n: 1 })).to.deep.equal({ doubled: 2 });
    expect(kit.spans.map(({ name }) => name)).to.deep.equal(['cpu double', 'cpu bytes', 'cpu double']);
  });

  it('gets the input as it was at the call', async () => {
    const bytes = new Uint8Array(10).fill(1);
    const input = { n: 1 };
    const moved = cpu.run(sumOf, { bytes }, { transfer: [bytes.buffer] });
    expect(bytes.byteLength).to.equal(0);
    const doubled = cpu.run(double, input);
    input.n = 5;
    expect([await moved, await doubled]).to.deep.equal([10, { doubled: 2 }]);
  });

  it('fails with the causes of its error, for the log', async () => {
    const error = await rejection(cpu.run('failWithCause', null));
    expect(error.message).to.equal('could not render');
    expect((error.cause as Error).message).to.equal('no font');
    expect(((error.cause as Error).cause as Error).message).to.equal('no file');
    expect((error.cause as Error).stack).to.include('task-fixture');
  });

  it('is an unhandled rejection when nothing awaits its failure', async () => {
    const script = `
      const { workerData, MessageChannel } = require('node:worker_threads');
      import(workerData).then(({ CpuClient }) => {
        const client = new CpuClient(new MessageChannel().port1, {});
        void client.tasks('demo', undefined).run('forgotten', null);
      });
      setTimeout(() => {}, 10_000);`;
    const client = import.meta.resolve('#src/cpu/cpu-client.js');
    const thread = new Worker(script, { eval: true, workerData: client });
    const [error] = (await once(thread, 'error')) as [Error];
    expect(error.message).to.include('CPU task forgotten').and.to.include('service demo has no tasks module');
  });

  it('is checked by the compiler', () => {
    const calls = (): unknown[] => [
      // @ts-expect-error: the input has a number
      cpu.run(double, { n: 'many' }),
      // @ts-expect-error: there is no such priority
      cpu.run(double, { n: 1 }, { priority: 'urgent' }),
      // @ts-expect-error: the second argument of a task is its context
      cpu.run((_input: number, _context: string) => 1, 1),
      // @ts-expect-error: the result has the type of the function
      cpu.run(bytes, 1) satisfies Promise<string>,
      cpu.run((input: number, _context: TaskContext) => input, 1) satisfies Promise<number>,
      cpu.run(async () => 'text', undefined) satisfies Promise<string>,
      cpu.run<number>('double', { n: 1 }) satisfies Promise<number>,
    ];
    expect(calls).to.be.a('function');
  });

  it('is refused when it is not an export of the tasks module', async () => {
    for (const [task, name] of [
      [() => 1, 'without a name'],
      [function local() {}, 'local'],
      [expect, 'expect'],
    ] as const) {
      const error = await rejection(cpu.run(task as () => unknown, undefined));
      expect(error).to.be.instanceOf(TypeError);
      expect(error.message).to.match(
        new RegExp(
          `^cpu.run: the function .*${name === 'expect' ? '' : name}.* is not an export of the tasks module /.*task-fixture.js; `,
        ),
      );
    }
  });

  it('refuses options that do not exist', async () => {
    const urgent = { priority: 'urgent' } as unknown as { priority: 'high' };
    expect((await rejection(cpu.run(double, { n: 1 }, urgent))).message).to.equal(
      'cpu.run: priority must be "high" or "normal" or "low", not "urgent"',
    );
  });

  it('gets the trace of its caller', async () => {
    const shown = await runInScope(scopeOf(Deadline.after(60_000)), () => cpu.run(contextOf, null));
    expect(shown).to.deep.equal({ traceparent: `00-${trace.traceId}-${trace.spanId}-01` });
  });
});
