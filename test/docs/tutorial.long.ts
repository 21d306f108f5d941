// Follows docs/tutorial.md as a newcomer does: its commands are run in order, its files are written, and what
// it shows must be printed.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { CLI, cleanEnvironment, isolated, ROOT } from '#test/support/cluster.js';
import { reap } from '#test/support/leftovers.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { until } from '#test/support/until.js';
import { blockName } from './guide.js';
import { asPattern, type Step, stepsOf } from './steps.js';

const READY = /multilane ready (https?:\/\/\S+) admin (https?:\/\/\S+)/g;
/** Longer than a reload with a new database takes, also where many programs share the cores. */
const SHOWN_MS = 60_000;

interface Block {
  readonly language: string;
  readonly text: string;
}

const blocks: readonly Block[] = [
  ...readFileSync('docs/tutorial.md', 'utf8').matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm),
].map(([, language, text]) => ({ language: language!, text: text! }));

/** A process of the reader that runs in the first terminal. */
class Terminal {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  output = '';

  constructor(command: string, folder: string, env: Readonly<Record<string, string>>) {
    this.#child = spawn('/bin/sh', ['-c', `exec ${command}`], {
      cwd: folder,
      env: cleanEnvironment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#exited = once(this.#child, 'exit');
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
  }

  /** The addresses of the last process that was ready. */
  async addresses(): Promise<readonly [url: string, adminUrl: string]> {
    const found = await until(
      () => [...this.output.matchAll(READY)].at(-1),
      (one) => one !== undefined || this.#child.exitCode !== null,
      SHOWN_MS,
    );
    if (found === undefined) throw new Error(`it has ended:\n${this.output}`);
    return [found[1]!, found[2]!];
  }

  /** Ends it as Ctrl-C does: the terminal sends the signal to the whole group of processes. */
  async interrupt(): Promise<void> {
    process.kill(-this.#child.pid!, 'SIGINT');
    await this.#exited;
  }
}

describe('docs/tutorial.md', function () {
  this.timeout(180_000);
  const base = mkdtempSync(join(tmpdir(), 'multilane-tutorial-'));
  const folder = join(base, 'bookshop');
  const bin = join(base, 'bin');
  let env: Record<string, string>;
  let terminal: Terminal | undefined;

  before(() => {
    mkdirSync(bin);
    const multilane = `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`;
    writeFileSync(join(bin, 'multilane'), multilane, { mode: 0o755 });
    // `npx multilane …` finds the package that is installed; here it is the build of this repository.
    writeFileSync(join(bin, 'npx'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
    env = {
      ...isolated(join(folder, 'data')),
      PATH: `${bin}:${dirname(process.execPath)}:${process.env.PATH}`,
      DRAIN_MS: '500',
      WORKERS: '2',
    };
  });
  after(async () => {
    await terminal?.interrupt();
    await reap(join(folder, 'data'));
    rmSync(base, { recursive: true, force: true });
  });

  /** What `npm install` installs, as links to the packages of this repository. */
  function install(): void {
    for (const name of ['typescript', '@types/node']) {
      const link = join(folder, 'node_modules', name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', name), link);
    }
    symlinkSync(ROOT, join(folder, 'node_modules/multilane'));
  }

  const shell = async (command: string, cwd = folder): Promise<string> => {
    const [url, adminUrl] = (await terminal?.addresses()) ?? [
      'http://localhost:8080',
      'http://localhost:9901',
    ];
    const here = command
      .replaceAll('localhost:8080', new URL(url).host)
      .replaceAll('localhost:9901', new URL(adminUrl).host)
      .replace('multilane sagas list', `multilane sagas list --admin ${adminUrl}`);
    const ran = await promisify(execFile)('/bin/sh', ['-c', `exec 2>&1\n${here}`], {
      cwd,
      env: cleanEnvironment(env),
    }).catch((error: { readonly stdout: string }) => error);
    return ran.stdout.trimEnd();
  };

  /** A change reaches the process some moments after it was saved, so a command is repeated until it has. */
  async function follow({ command, prints }: Step): Promise<void> {
    if (prints === undefined) return;
    const pattern = asPattern(prints);
    const printed = await until(
      () => shell(command),
      (text) => pattern.test(text),
      SHOWN_MS,
    ).catch(async () => await shell(command));
    expect(printed, `${command}\n${terminal?.output}`).to.match(pattern);
  }

  async function run(step: Step): Promise<void> {
    const { command } = step;
    if (command.startsWith('npx multilane new ')) await shell(command, base);
    else if (command === 'npm install') install();
    else if (command === 'npm run dev') terminal = new Terminal('npm run dev -- --no-open', folder, env);
    else if (command === 'npm test') expect(await shell(command)).to.match(/^(?:# |ℹ )fail 0$/m);
    else if (command === 'npm run build') {
      await terminal?.interrupt();
      terminal = undefined;
      expect(await shell(command)).to.include('compiled');
    } else if (command.endsWith('npm start')) {
      const { url } = await startTestPostgres();
      const given = command.startsWith('DATABASE_URL=') ? { DATABASE_URL: url } : undefined;
      terminal = new Terminal('npm start', folder, { ...env, ...given });
      await terminal.addresses();
      await terminal.interrupt();
      terminal = undefined;
    } else if (command !== 'cd bookshop') await follow(step);
  }

  it('leads to a bookshop with a database, a saga, a metric and a deployment', async () => {
    for (const { language, text } of blocks) {
      if (language === 'sh') for (const step of stepsOf(text)) await run(step);
      else {
        const path = join(folder, blockName(text)!);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text);
      }
    }
  });
});
