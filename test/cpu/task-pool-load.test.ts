// The CPU pool where its library cannot be loaded. Each test runs in a process of its own, because other
// tests have loaded it in this one.
import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { cleanEnvironment, ROOT } from '#test/support/cluster.js';

/** What the tasks reject with when loading Piscina throws so often, and what the pool logs. */
function run(tasks: number, failure: string): { results: unknown[]; lines: { err: unknown }[] } {
  const code = `
    import Module from 'node:module';
    const load = Module._load;
    let failures = 2;
    Module._load = function (name, ...rest) {
      if (name === 'piscina' && failures-- > 0) throw ${failure};
      return load.call(this, name, ...rest);
    };
    const { TestPool } = await import('#test/cpu/task-kit.js');
    const kit = new TestPool(1);
    const results = [];
    for (let n = 0; n < ${tasks}; n++) {
      results.push(await kit.cpu.run('echo', n).catch(({ message, code, status }) => ({ message, code, status })));
    }
    await kit.close();
    console.log(JSON.stringify({ results, lines: kit.lines }));
    process.exit();`;
  const args = ['--conditions=multilane-unbundled', '--input-type=module', '-e', code];
  const options = { cwd: ROOT, env: cleanEnvironment(), encoding: 'utf8' } as const;
  return JSON.parse(execFileSync(process.execPath, args, options));
}

describe('a CPU pool whose library cannot be loaded', () => {
  it('says so to the callers, logs the cause, and is loaded by a later task', () => {
    const { results, lines } = run(4, `new Error("Cannot find module 'piscina'")`);
    const refused = {
      message: 'The pool of CPU threads could not be loaded.',
      code: 'INTERNAL',
      status: 500,
    };
    expect(results).to.deep.equal([refused, refused, 2, 3]);
    expect(lines).to.have.length(2);
    for (const line of lines) {
      expect(line).to.include({
        level: 50,
        msg: 'the pool of CPU threads could not be loaded',
        task: 'echo',
      });
      expect(line.err).to.include({ message: "Cannot find module 'piscina'" });
    }
  });

  it('is overloaded where descriptors ran out meanwhile', () => {
    const { results } = run(3, `Object.assign(new Error('too many'), { code: 'EMFILE' })`);
    expect(results.map((result) => (result as { code?: string }).code ?? result)).to.deep.equal([
      'OVERLOADED',
      'OVERLOADED',
      2,
    ]);
  });
});
