// Finds the admin plane of the project in the working directory for the commands of operators. They have to
// work where its configuration file does not load: with an error in the file, and where Node.js does not run
// TypeScript. They then read what `multilane build` has written, or environment and defaults, and say so.
import { existsSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { type AdminSettings, adminSettings } from '../config/admin-settings.js';
import { parseCommandLine } from '../config/command-line.js';
import { type ConfigFile, configFileOf, defaultConfigFile, loadConfigFile } from '../config/config-file.js';
import { errorMessage } from '../error-text.js';
import { shownHost } from '../process/ready.js';
import { isTypeScript } from './build-project.js';
import { builtConfigOf, needsBuild } from './dev/development-build.js';
import { flagsOfProject, type ProjectOptions } from './project-settings.js';

const report = (line: string): boolean => process.stderr.write(`multilane: ${line}\n`);

/**
 * @throws ConfigError for a wrong value of a setting of the admin plane, and for `--config` with a file that
 *   does not exist
 */
export async function planeSettings(options: ProjectOptions): Promise<AdminSettings> {
  const { file, failure } = await loadedFile(options);
  const settings = adminSettings(file, (warning) => report(`warning: ${warning}`));
  if (failure === undefined) return settings;
  if (file !== undefined) {
    report(`${failure}; the admin plane is that of ${relative(process.cwd(), file.path)}`);
    return settings;
  }
  report(
    `warning: ${failure}; the admin plane is that of the environment and the defaults, ` +
      `${planeUrl(settings)}: name another one with --admin URL`,
  );
  return settings;
}

/** The URL of an admin plane that listens as these settings say. */
export const planeUrl = ({ adminHost, adminPort }: AdminSettings): string =>
  `http://${shownHost(adminHost)}:${adminPort}`;

interface LoadedFile {
  /** Undefined: there is none, or none that can be loaded. */
  readonly file: ConfigFile | undefined;
  /** Why the configuration file of the project is not read. */
  readonly failure?: string;
}

/** In a folder without a project there is no file, which is no failure. */
async function loadedFile(options: ProjectOptions): Promise<LoadedFile> {
  const cwd = process.cwd();
  const commandLine = parseCommandLine(flagsOfProject(options));
  const isOutsideProject = commandLine.config === undefined && defaultConfigFile(cwd) === undefined;
  const path = isOutsideProject ? undefined : configFileOf(cwd, commandLine);
  if (path === undefined) return { file: undefined };
  if (needsBuild(path)) {
    const failure = `Node.js ${process.versions.node} does not run ${basename(path)}`;
    return { file: await builtFileOf(path, cwd), failure };
  }
  try {
    return { file: await loadConfigFile(path) };
  } catch (error) {
    // The rest of the message is for the author of the project, and `multilane check` prints it.
    const [failure] = errorMessage(error).split('\n');
    return { file: await builtFileOf(path, cwd), failure: failure! };
  }
}

/** @returns undefined where no build of the project is found, and when it cannot be loaded either */
async function builtFileOf(path: string, cwd: string): Promise<ConfigFile | undefined> {
  const built = builtConfigOf(path, cwd);
  if (!isTypeScript(path) || !existsSync(built)) return undefined;
  return loadConfigFile(built).catch(() => undefined);
}
