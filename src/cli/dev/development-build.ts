// The build that `multilane dev` runs before each start and each reload, where Node.js does not run
// TypeScript itself. Types are checked beside it, so an error of types does not keep code from running.
import { join, relative } from 'node:path';
import { compiledName } from '../../built-file.js';
import { buildProject, isTypeScript } from '../build-project.js';
import { failureText } from '../command-failure.js';

/** Folder of the result, which is that of `multilane build`. */
const OUT = 'dist';

const nodeRunsTypeScript = (): boolean =>
  'typescript' in process.features && process.features.typescript !== false;

/** Whether a project has to be built before this Node.js runs it. */
export const needsBuild = (config: string | undefined): config is string =>
  config !== undefined && isTypeScript(config) && !nodeRunsTypeScript();

/** The configuration file that a build of the project writes. @param config absolute path */
export const builtConfigOf = (config: string, folder: string): string =>
  join(folder, OUT, compiledName(relative(folder, config)));

/** The flags of the process, with the configuration file that the build writes. */
export function flagsOfBuild(argv: readonly string[], config: string, folder: string): readonly string[] {
  const at = argv.indexOf('--config');
  const others = argv.filter(
    (word, index) => !word.startsWith('--config=') && (at === -1 || (index !== at && index !== at + 1)),
  );
  return [...others, '--config', builtConfigOf(config, folder)];
}

/**
 * Builds a project until `signal` interrupts it.
 * @returns why that is not possible, beside what the compiler has printed
 */
export async function buildForDevelopment(
  config: string,
  folder: string,
  warn: (warning: string) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await buildProject({ folder, config, out: OUT, checksTypes: false, warn, signal });
    return undefined;
  } catch (error) {
    return `multilane: ${failureText(error)}\n`;
  }
}
