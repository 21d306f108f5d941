// Runs the commands and the configuration of docs/debugging.md, each as the page has it, and attaches as the
// debugger does for which the page has it: a request stops at a breakpoint in its handler.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { Project } from '#test/support/cli.js';
import { CLI, cleanEnvironment, isolated, newDataDir } from '#test/support/cluster.js';
import { Debugger, type Discovery } from '#test/support/debugger.js';
import { itWhere } from '#test/support/where.js';
import { blocksOf } from './steps.js';

const page = readFileSync('docs/debugging.md', 'utf8');
const [start = '', chrome = '', test = ''] = blocksOf(page, 'sh');

interface Launch {
  readonly configurations: readonly {
    readonly type: string;
    readonly request: string;
    readonly program: string;
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
  }[];
}
const launch = JSON.parse(blocksOf(page, 'json')[0]!) as Launch;

/** Whether this Node.js has the option with which Chrome sees threads. */
const hasOptionOfChrome =
  spawnSync(process.execPath, ['--experimental-worker-inspection', '--eval', '']).status === 0;

const SERVICE = `import { defineService } from 'multilane';
export const orders = defineService({
  name: 'orders',
  routes(app) {
    app.get('/', () => {
      return 'hello';
    });
  },
});`;

const project = new Project({
  'package.json': '{ "type": "module" }',
  'service.js': SERVICE,
  'multilane.config.js': `import { defineConfig } from 'multilane';
    import { orders } from './service.js';
    export default defineConfig({ services: [orders] });`,
  'test/orders.test.js': `import { createTestApp } from 'multilane/testing';
    import { orders } from '../service.js';
    const app = await createTestApp({ services: [orders] });
    await app.inject('/');
    await app.close();`,
  // What VS Code adds by NODE_OPTIONS to each process of a debug terminal and of a launch configuration.
  'attach.cjs': `const inspector = require('node:inspector');
    if (require('node:worker_threads').isMainThread && inspector.url() === undefined) inspector.open(0);`,
});

/** Any free port instead of 9229, which several tests may want at the same time. */
const ANY_PORT = '--inspect-port=127.0.0.1:0';
const BY_EDITOR = `--require ${join(project.folder, 'attach.cjs')}`;

const BREAKPOINT = {
  url: pathToFileURL(join(project.folder, 'service.js')).href,
  lineNumber: SERVICE.split('\n').findIndex((line) => line.includes('return')),
};

interface Attached {
  readonly debuggers: readonly Debugger[];
  /** The rest of the line that begins with the word. */
  readonly found: string;
}

describe('docs/debugging.md', function () {
  this.timeout(60_000);
  const dataDir = newDataDir();
  before(() => {
    project.install();
    mkdirSync(join(project.folder, 'node_modules/.bin'));
    chmodSync(CLI, 0o755); // as npm does it at the installation
    symlinkSync('../multilane/dist/cli.js', join(project.folder, 'node_modules/.bin/multilane'));
  });
  after(() => {
    project.remove();
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** Runs a command in a shell, and attaches to each process of it that offers that. */
  async function run(
    command: string,
    {
      options = ANY_PORT,
      discovery = 'NodeWorker' as Discovery,
      env = {} as Readonly<Record<string, string>>,
      until = 'multilane ready',
    },
    then: (attached: Attached) => Promise<void>,
  ): Promise<void> {
    const child = spawn('sh', ['-c', command], {
      cwd: project.folder,
      env: cleanEnvironment({
        ...isolated(dataDir),
        WORKERS: '1',
        NODE_OPTIONS: options,
        ...env,
        PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
      }),
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    const exited = once(child, 'exit');
    const debuggers: Debugger[] = [];
    try {
      const lines: string[] = [];
      for await (const line of createInterface({ input: child.stderr })) {
        lines.push(line);
        const [, url] = /^Debugger listening on (\S+)/.exec(line) ?? [];
        if (url !== undefined) debuggers.push(await Debugger.attach(url, BREAKPOINT, discovery));
        // A process that ends waits for its debugger.
        if (line.startsWith('Waiting for the debugger')) for (const one of debuggers) one.close();
        if (!line.startsWith(until)) continue;
        await then({ debuggers, found: line.slice(until.length + 1) });
        return;
      }
      throw new Error(`no line begins with "${until}":\n${lines.join('\n')}`);
    } finally {
      for (const one of debuggers) one.close();
      // The shell may have become the command, or be its parent.
      process.kill(-child.pid!, 'SIGKILL');
      await exited;
    }
  }

  /** The only thread of all processes. */
  async function onlyThread(debuggers: readonly Debugger[]): Promise<{ of: Debugger; thread: string }> {
    const found: { of: Debugger; thread: string }[] = [];
    for (const of of debuggers) for (const thread of await of.threads()) found.push({ of, thread });
    expect(found).to.have.length(1);
    return found[0]!;
  }

  async function expectStop({ debuggers, found }: Attached): Promise<void> {
    const { of, thread } = await onlyThread(debuggers);
    const response = fetch(found.split(' ')[0]!).then((got) => got.text());
    expect(await Promise.race([of.stopped, response])).to.equal(thread);
    await of.resume(thread);
    expect(await response).to.equal('hello');
  }

  for (const command of start.trim().split('\n'))
    it(`shows a command with which a request stops in its handler: ${command}`, () =>
      run(command, {}, expectStop));

  it('shows a configuration of VS Code with which a request stops in its handler', async () => {
    const [{ type, request, program, args, env } = launch.configurations[0]!] = launch.configurations;
    expect({ type, request }).to.deep.equal({ type: 'node', request: 'launch' });
    const file = program.replace(/^\$\{workspaceFolder\}/, project.folder);
    await run(`node ${[file, ...args].join(' ')}`, { options: BY_EDITOR, env }, expectStop);
  });

  it('names a command that can be debugged in a terminal of VS Code', async () => {
    const [, command = ''] = /JavaScript Debug Terminal", where\n`(.+?)`/.exec(page) ?? [];
    await run(command, { options: BY_EDITOR }, expectStop);
  });

  itWhere(hasOptionOfChrome)('shows a command with which Chrome stops in a handler', () =>
    run(chrome, { discovery: 'Target' }, expectStop),
  );

  itWhere(!hasOptionOfChrome)('says that Chrome sees no threads without the option', async () => {
    let refused: unknown;
    await run(start.split('\n')[0]!, { discovery: 'Target' }, async () => undefined).catch(
      (error: unknown) => (refused = error),
    );
    expect(String(refused)).to.include("'Target.setAutoAttach' wasn't found");
  });

  it('shows a command with which a test stops in a handler', () =>
    run(test, { until: 'Debugger attached' }, async ({ debuggers: [only] }) => {
      expect(await only!.stopped).to.equal(undefined); // the main thread
    }));
});
