// The TypeScript compiler that a project has installed.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { ConfigError } from '../errors.js';
import { undefinedOnError } from '../process/undefined-on-error.js';
import { CommandFailure } from './command-failure.js';

/**
 * What a build needs, whatever tsconfig.json says. It may be written for an editor and `tsc --noEmit` only.
 * Imports of `./greeting.ts` lead to `./greeting.js` (TypeScript 5.7 and later).
 */
const OPTIONS = [
  ...['--noEmit', 'false', '--emitDeclarationOnly', 'false', '--noEmitOnError', 'true'],
  ...['--composite', 'false', '--incremental', 'false', '--tsBuildInfoFile', 'null'],
  ...['--sourceMap', 'true', '--inlineSourceMap', 'false', '--mapRoot', 'null', '--sourceRoot', 'null'],
  ...['--declaration', 'false', '--declarationMap', 'false', '--isolatedDeclarations', 'false'],
  ...['--declarationDir', 'null', '--rewriteRelativeImportExtensions', 'true'],
];

export interface CompileOptions {
  /** Folder of the project, with its tsconfig.json. */
  readonly folder: string;
  readonly out: string;
  readonly checksTypes: boolean;
  /** Ends the compiler; undefined: nothing does. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Compiles a project. The diagnostics of the compiler go to stderr as they are.
 * @returns whether the compiler has reported no error
 * @throws ConfigError where TypeScript or tsconfig.json is missing
 * @throws CommandFailure when a signal has ended the compiler
 */
export async function compile({ folder, out, checksTypes, signal }: CompileOptions): Promise<boolean> {
  const paths = ['--rootDir', folder, '--outDir', out];
  const args = [...compilerArgs(folder), ...paths, ...OPTIONS, ...(checksTypes ? [] : ['--noCheck', 'true'])];
  const child = spawnCompiler(args, { cwd: folder, stdio: ['ignore', 2, 2] });
  const end = (): void => endCompiler(child);
  signal?.addEventListener('abort', end);
  try {
    const [code, endedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    if (endedBy !== null) throw new CommandFailure(`the compiler was ended by ${endedBy}`);
    return code === 0;
  } finally {
    signal?.removeEventListener('abort', end);
  }
}

/** Begins the compiler in a process group of its own: on Node.js 20 `tsc` runs it as a child. */
export const spawnCompiler = (args: readonly string[], options: SpawnOptions): ChildProcess =>
  spawn(process.execPath, args, { ...options, detached: true });

/** Ends the compiler and what it has started, at once, so that it writes no further file. */
export function endCompiler({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  // It may have ended a moment ago.
  undefinedOnError(() => process.kill(-pid, 'SIGKILL'));
}

/**
 * The program `tsc` and the option with the tsconfig.json of a project.
 * @throws ConfigError where one of them is missing
 */
export function compilerArgs(folder: string): readonly string[] {
  const compiler = compilerOf(folder);
  const tsconfig = join(folder, 'tsconfig.json');
  if (existsSync(tsconfig)) return [compiler, '--project', tsconfig];
  throw new ConfigError(
    `there is no tsconfig.json in ${folder}: copy node_modules/multilane/template/ts/tsconfig.json`,
  );
}

/** The path of the program `tsc`. @throws ConfigError where the project has not installed it */
function compilerOf(folder: string): string {
  try {
    const manifest = createRequire(join(folder, 'package.json')).resolve('typescript/package.json');
    const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly bin: { readonly tsc: string } };
    return resolve(dirname(manifest), bin.tsc);
  } catch (cause) {
    throw new ConfigError(
      `TypeScript is not installed in ${folder}: run npm install, ` +
        'or npm install --save-dev typescript @types/node',
      { cause },
    );
  }
}
