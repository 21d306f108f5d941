// Runs the commands of docs/debugging.md: a debugger can attach, and with `--inspect-brk` nothing is loaded
// before it has.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { Project } from '#test/support/cli.js';
import { CLI, cleanEnvironment, isolated, newDataDir } from '#test/support/cluster.js';

const [commands = ''] = [
  ...readFileSync('docs/debugging.md', 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm),
].map(([, text]) => text!);

describe('docs/debugging.md', () => {
  const dataDir = newDataDir();
  const project = new Project({
    'package.json': '{ "type": "module" }',
    'multilane.config.js': `import { defineConfig, defineService } from 'multilane';
      const demo = defineService({ name: 'demo', routes(app) { app.get('/', () => 'hello'); } });
      export default defineConfig({ services: [demo] });`,
  });
  before(() => project.install());
  after(() => {
    project.remove();
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** The first line of stderr that one of the patterns matches. */
  async function firstLine(command: string, patterns: readonly RegExp[]): Promise<string[]> {
    const [, inspect = ''] = /^NODE_OPTIONS=(--inspect\S*) npx multilane start/.exec(command) ?? [];
    const child = spawn(process.execPath, [`${inspect}=127.0.0.1:0`, CLI, 'start'], {
      cwd: project.folder,
      env: cleanEnvironment({ ...isolated(dataDir), WORKERS: '1' }),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const exited = once(child, 'exit');
    const found: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      if (patterns[found.length]!.test(line)) found.push(line);
      if (found.length === patterns.length) break;
    }
    child.kill('SIGKILL');
    await exited;
    return found;
  }

  it('shows commands with which a debugger attaches', async () => {
    const [first = '', second = ''] = commands.trim().split('\n');
    expect(await firstLine(first, [/^Debugger listening on /, /^multilane ready /])).to.have.length(2);
    expect(await firstLine(second, [/^Debugger listening on /])).to.have.length(1);
  });
});
