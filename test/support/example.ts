// A folder of examples/ as a newcomer has it: copied out of the repository, with its packages installed, and
// the commands of its README.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { asPattern, blocksOf, type Step, stepsOf } from '#test/docs/steps.js';
import { CLI, type Cluster, type ClusterOptions, cleanEnvironment, ROOT } from './cluster.js';
import { until } from './until.js';
import { useCluster } from './use-cluster.js';

const COMMANDS_MS = 30_000;

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

/** The names of all examples. */
export const exampleNames = (): readonly string[] =>
  readdirSync(join(ROOT, 'examples'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
    .map(({ name }) => name);

export class Example {
  /** The copy. */
  readonly folder = mkdtempSync(join(tmpdir(), 'multilane-example-'));

  /**
   * Copies an example, and installs the packages of its package.json as links to those of this repository.
   */
  constructor(name: string) {
    cpSync(join(ROOT, 'examples', name), this.folder, { recursive: true });
    const modules = join(this.folder, 'node_modules');
    for (const one of this.packages) {
      const link = join(modules, one);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(one === 'multilane' ? ROOT : join(ROOT, 'node_modules', one), link);
    }
    this.#addCommands(modules);
  }

  /** Adds what npm puts into `.bin`: the commands of the packages. */
  #addCommands(modules: string): void {
    mkdirSync(join(modules, '.bin'));
    for (const one of this.packages) {
      const { bin } = JSON.parse(this.read(join('node_modules', one, 'package.json'))) as Manifest;
      for (const [name, file] of Object.entries(bin ?? {})) {
        const command = `#!/bin/sh\nexec "${process.execPath}" "${join(modules, one, file)}" "$@"\n`;
        writeFileSync(join(modules, '.bin', name), command, { mode: 0o755 });
      }
    }
  }

  get manifest(): Manifest {
    return JSON.parse(this.read('package.json')) as Manifest;
  }

  /** The names of the packages that it needs. */
  get packages(): readonly string[] {
    const { dependencies, devDependencies } = this.manifest;
    return Object.keys({ ...dependencies, ...devDependencies });
  }

  get config(): string {
    return join(this.folder, 'multilane.config.js');
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8');
  }

  /** The commands of its README behind the block that starts it. */
  steps(): readonly Step[] {
    const [start, ...blocks] = blocksOf(this.read('README.md'), 'sh');
    expect(start).to.equal('npm install\nnpm start\n');
    return blocks.flatMap(stepsOf);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs steps in one shell, in its folder, and compares what they print with what the README shows. */
  async run(
    cluster: Addresses,
    steps = this.steps(),
    env: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const script = steps.map(({ command }) => `${command}\nprintf '\\0'`).join('\n');
    const options = { cwd: this.folder, env: cleanEnvironment(env), timeout: COMMANDS_MS };
    const { stdout } = await promisify(execFile)(
      '/bin/sh',
      ['-c', `exec 2>&1\n${here(script, cluster)}`],
      options,
    );
    const printed = stdout.split('\0').map((text) => text.replaceAll('\r', '').trimEnd());
    for (const [at, { command, prints }] of steps.entries())
      if (prints !== undefined) expect(printed[at], command).to.match(asPattern(prints));
  }

  /**
   * Starts a command that does not end by itself, and ends it by SIGTERM.
   * @param meanwhile called when it has been started; then its output becomes what the README shows
   */
  async follow(cluster: Addresses, { command, prints }: Step, meanwhile: () => Promise<void>): Promise<void> {
    const child = spawn('/bin/sh', ['-c', `exec ${here(command, cluster)}`], {
      cwd: this.folder,
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
      // A group of its own, with what the command itself starts.
      detached: true,
    });
    const closed = once(child, 'close');
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    try {
      await meanwhile();
      const pattern = asPattern(prints!);
      const seen = await until(
        () => printed.trimEnd(),
        (text) => pattern.test(text) || child.exitCode !== null,
      );
      expect(seen, command).to.match(pattern);
    } finally {
      if (child.exitCode === null) process.kill(-child.pid!, 'SIGTERM');
      await closed;
    }
  }
}

type Addresses = Pick<Cluster, 'url' | 'adminUrl'>;

/** Puts the ports of a cluster in place of the usual ones. */
const here = (command: string, { url, adminUrl }: Addresses): string =>
  command
    .replaceAll('localhost:8080', new URL(url).host)
    .replaceAll('localhost:9901', new URL(adminUrl).host);

/**
 * Copies an example for the tests of a `describe` block. Its properties are defined in hooks and tests alone.
 */
export function useExample(name: string): Example {
  const example = Object.create(Example.prototype) as Example;
  before(() => void Object.assign(example, new Example(name)));
  after(() => example.remove());
  return example;
}

/** Starts an example as `npm start` does, for the tests of a `describe` block. */
export const useStarted = (example: Example, options: () => ClusterOptions = () => ({})): Cluster =>
  useCluster(() => ({
    entry: [CLI, 'start'],
    config: example.config,
    cwd: example.folder,
    ...options(),
  }));
