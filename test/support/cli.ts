// `multilane …` as a user runs it: the file that `bin` of package.json names, in a folder outside the
// repository.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CLI, cleanEnvironment, type Exit, ROOT, within } from './cluster.js';

const END_MS = 25_000;

export interface Ran extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Limit of open files. Default: that of the test. */
  readonly openFiles?: number;
  /** Called with the process while it runs. */
  readonly meanwhile?: (child: ChildProcess) => void;
}

/** Runs the command to its end. @throws Error when it still runs after 25 s */
export async function multilane(
  args: readonly string[],
  { cwd = tmpdir(), env = {}, openFiles, meanwhile }: CliOptions = {},
): Promise<Ran> {
  const command = [process.execPath, CLI, ...args];
  const limited = openFiles === undefined ? [] : ['sh', '-c', `ulimit -n ${openFiles}; exec "$@"`, 'sh'];
  const [file, ...rest] = [...limited, ...command];
  const child = spawn(file!, rest, {
    cwd,
    env: cleanEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  meanwhile?.(child);
  try {
    const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    const ended = Promise.all([text(child.stdout), text(child.stderr), closed]);
    const [stdout, stderr, [code, signal]] = await within(
      END_MS,
      ended,
      () => `${args.join(' ')} still runs`,
    );
    return { code, signal, stdout, stderr };
  } finally {
    child.kill('SIGKILL');
  }
}

/** A project folder with the package installed, as a link to this build. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'multilane-project-'));

  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [name, content] of Object.entries(files)) this.write(name, content);
  }

  install(folder = this.folder): void {
    mkdirSync(join(folder, 'node_modules'), { recursive: true });
    symlinkSync(ROOT, join(folder, 'node_modules/multilane'));
  }

  /** Installs what npm scripts of a project of TypeScript need beside the package. */
  installTypeScript(folder = this.folder): void {
    mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
    for (const name of ['typescript', '@types/node'])
      symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
    mkdirSync(join(folder, 'node_modules/.bin'));
    for (const [name, file] of [
      ['multilane', CLI],
      ['tsc', join(ROOT, 'node_modules/typescript/bin/tsc')],
    ] as const) {
      const path = join(folder, 'node_modules/.bin', name);
      writeFileSync(path, `#!/bin/sh\nexec node ${file} "$@"\n`);
      chmodSync(path, 0o755);
    }
  }

  write(name: string, content: string): void {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
