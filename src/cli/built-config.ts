// The configuration file that commands read where this Node.js does not run that of the project: the one that
// `multilane build` has written, as long as no source is newer.
import { existsSync, statSync } from 'node:fs';
import { basename, relative, sep } from 'node:path';
import { parseCommandLine } from '../config/command-line.js';
import { configFileOf } from '../config/config-file.js';
import { ConfigError } from '../errors.js';
import { builtConfigOf, flagsOfBuild, needsBuild } from './dev/development-build.js';
import { ProjectSearch } from './dev/project-search.js';

/**
 * The flags of a command, with the configuration file of the build where that one is to be read.
 * @returns the same flags where Node.js runs the project as it is, and where there is no build
 * @throws ConfigError when a source is newer than the build, and as `configFileOf`
 */
export function flagsOfRunnable(argv: readonly string[], cwd: string): readonly string[] {
  const config = configFileOf(cwd, parseCommandLine(argv));
  if (!needsBuild(config)) return argv;
  const built = builtConfigOf(config, cwd);
  if (!existsSync(built)) return argv;
  const newer = newerSource(config, cwd, built);
  if (newer === undefined) return flagsOfBuild(argv, config, cwd);
  throw new ConfigError(
    `${relative(cwd, newer)} is newer than ${relative(cwd, built)}, which is read because Node.js ` +
      `${process.versions.node} does not run TypeScript: build it again (npx multilane build)`,
  );
}

/** A file of a project that has changed since its build. Folders change when a file is added or removed. */
export function newerSource(config: string, cwd: string, built: string): string | undefined {
  const { mtimeMs } = statSync(built);
  const search = new ProjectSearch({ config, cwd, report: () => {} });
  return [...search.look().keys()].find(
    (file) => isBuilt(file) && (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > mtimeMs,
  );
}

/** Whether a file has an effect on a build. Settings of the environment and installed packages have none. */
const isBuilt = (file: string): boolean =>
  !file.includes(`${sep}node_modules${sep}`) && !/^(?:\.env(?:\..*)?|package\.json)$/.test(basename(file));
