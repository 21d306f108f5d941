// Builds a project of TypeScript: compiles it, and copies the files that its code reads, into a folder of the
// same structure, from which every supported version of Node.js runs it.
import { existsSync, readdirSync } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { compiledName } from '../built-file.js';
import { errorMessage } from '../error-text.js';
import { ConfigError } from '../errors.js';
import { makeFolder } from '../process/make-folder.js';
import { isProcessAlive } from '../process/process-identity.js';
import { BUILD_MARK } from '../source-file.js';
import { assetsOf, copyAsset, isOfTests } from './build-files.js';
import { CommandFailure } from './command-failure.js';
import { isBelow } from './is-below.js';
import { compile } from './project-compiler.js';

export interface BuildOptions {
  /** Folder of the project, with package.json and tsconfig.json. */
  readonly folder: string;
  /** Absolute path of the configuration file, in that folder or below it. */
  readonly config: string;
  /** Folder that is written, relative to `folder`. @default 'dist' */
  readonly out?: string;
  /** Whether the tests and their files are built as well. @default false */
  readonly withTests?: boolean;
  /** Whether an error of types fails the build; a development server need not wait for that. @default true */
  readonly checksTypes?: boolean;
  /** Interrupts the build, which then leaves the old result as it is. @default it runs to its end */
  readonly signal?: AbortSignal;
  /** Called with a sentence about a file that the build leaves out. */
  readonly warn: (warning: string) => void;
}

export interface BuiltProject {
  /** Absolute path of the folder. */
  readonly folder: string;
  /** Absolute path of the configuration file in it. */
  readonly config: string;
  /** Number of modules that were compiled. */
  readonly modules: number;
  /** Number of files that were copied. */
  readonly assets: number;
}

/** A compiler that was ended may create a last file while its folder is being removed. */
const LATE_FILES = { maxRetries: 10, retryDelay: 20 } as const;

/** Whether a configuration file, and so the project, is TypeScript, which a build compiles. */
export const isTypeScript = (config: string): boolean => /\.[cm]?ts$/.test(extname(config));

/**
 * Builds a project. The old result is replaced when the new one is complete: a failed build leaves it as it
 * is, and a file that the project does not have any more is in the old one only.
 * @throws ConfigError when TypeScript or tsconfig.json is missing, when the configuration file is not
 *   compiled, and for a folder `out` that no build has written
 * @throws CommandFailure when the compiler reports errors, files cannot be written, or the build is
 *   interrupted
 */
export async function buildProject(options: BuildOptions): Promise<BuiltProject> {
  const { folder, config, withTests = false, checksTypes = true, signal, warn } = options;
  const out = resolve(folder, options.out ?? 'dist');
  requireBelow(folder, config);
  requireReplaceable(folder, out);
  // The staging folder is beside the result, so relative paths in source maps are the same in both.
  const staging = join(dirname(out), `.${basename(out)}.building-${process.pid}`);
  try {
    signal?.throwIfAborted();
    await removeStaging(out);
    await makeFolder(staging);
    signal?.throwIfAborted();
    if (!(await compile({ folder, out: staging, checksTypes, signal }))) {
      throw new CommandFailure(`the compiler has reported errors; ${shown(folder, out)} is as it was`);
    }
    await removeSurplus({ folder, out, staging, withTests });
    const modules = (await readdir(staging, { recursive: true })).filter((name) => /\.[cm]?js$/.test(name));
    const compiledConfig = compiledName(relative(folder, config));
    if (!modules.includes(compiledConfig)) {
      throw new ConfigError(
        `tsconfig.json: ${relative(folder, config)} is not compiled: add it to "include" or "files"`,
      );
    }
    let assets = 0;
    const leftOut = (link: string, target: string): void =>
      warn(
        `${link} is left out: it is a link to ${target}, which is not in the project; put a copy in its place`,
      );
    const except = [out, ...otherResults(folder)];
    for await (const file of assetsOf(folder, { except, withTests, leftOut })) {
      signal?.throwIfAborted();
      await copyAsset(join(folder, file), join(staging, file));
      assets++;
    }
    signal?.throwIfAborted();
    await writeFile(join(staging, BUILD_MARK), `${relative(out, folder)}\n`);
    await replace(out, staging);
    return { folder: out, config: join(out, compiledConfig), modules: modules.length, assets };
  } catch (cause) {
    if (signal?.aborted) throw new CommandFailure(`interrupted; ${shown(folder, out)} is as it was`);
    if (cause instanceof CommandFailure || cause instanceof ConfigError) throw cause;
    throw new CommandFailure(`${shown(folder, out)} cannot be written: ${errorMessage(cause)}`, { cause });
  } finally {
    await rm(staging, { recursive: true, force: true, ...LATE_FILES });
  }
}

const shown = (folder: string, path: string): string => relative(folder, path) || path;

function requireBelow(folder: string, config: string): void {
  if (isBelow(config, folder)) return;
  throw new ConfigError(`${config} is not in ${folder}: run the build in the folder of the project`);
}

/** @throws ConfigError for a folder whose replacement would remove what no build has written */
function requireReplaceable(folder: string, out: string): void {
  if (out === folder || isBelow(folder, out)) {
    throw new ConfigError(`--out: ${out} holds the project itself: name a folder in it, such as dist`);
  }
  if (!existsSync(out) || existsSync(join(out, BUILD_MARK)) || readdirSync(out).length === 0) return;
  throw new ConfigError(
    `${shown(folder, out)} was not written by multilane build, which replaces the whole folder: ` +
      'remove it, or name another one with --out',
  );
}

/** Results of other builds of the same project, directly in its folder. */
const otherResults = (folder: string): readonly string[] =>
  readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => existsSync(join(path, BUILD_MARK)));

/** Removes the staging folders of builds that were killed. */
async function removeStaging(out: string): Promise<void> {
  const prefix = `.${basename(out)}.building-`;
  for (const name of existsSync(dirname(out)) ? await readdir(dirname(out)) : []) {
    if (!name.startsWith(prefix) || isProcessAlive(Number.parseInt(name.slice(prefix.length), 10))) continue;
    await rm(join(dirname(out), name), { recursive: true, force: true });
  }
}

interface Compiled {
  readonly folder: string;
  readonly out: string;
  readonly staging: string;
  readonly withTests: boolean;
}

/** Removes what tsconfig.json includes but the result shall not have: tests, and an earlier result. */
async function removeSurplus({ folder, out, staging, withTests }: Compiled): Promise<void> {
  if (isBelow(out, folder)) await rm(join(staging, relative(folder, out)), { recursive: true, force: true });
  if (withTests) return;
  for (const name of (await readdir(staging, { recursive: true })).filter(isOfTests)) {
    await rm(join(staging, name), { recursive: true, force: true });
  }
}

/** Puts the complete result in its place. Between two renames there is no result. */
async function replace(out: string, staging: string): Promise<void> {
  const old = `${staging}-old`;
  if (existsSync(out)) await rename(out, old);
  await rename(staging, out);
  await rm(old, { recursive: true, force: true });
}
