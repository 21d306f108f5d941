// The process from its arguments on: settings first, everything else only when they are right. What is
// imported dynamically must not be loaded earlier: the HTTP core reads its limits from the environment when
// its addon is loaded.
import { isatty } from 'node:tty';
import { isTooFewOpenFiles, KEPT_FILES, tooFewOpenFiles } from '../config/connection-limit.js';
import { widenCoreLimits } from '../config/core-environment.js';
import { earlySettings } from '../config/early-settings.js';
import { type Loaded, loadSettings } from '../config/load.js';
import { openFileLimit } from '../config/open-file-limit.js';
import { ConfigError } from '../errors.js';
import { isOutOfFiles } from '../open-files.js';
import { verifyAddon } from '../process/addon-hash.js';
import { exitProcess } from '../process/process-exit.js';
import { Signals } from '../process/signals.js';
import { startFailure } from '../process/start-failure.js';

export interface RunOptions {
  /** Flags: `process.argv` without what started us. */
  readonly argv: readonly string[];
  /** What was typed before them, for `--help`. */
  readonly command: string;
}

/** Returns when the process serves, or has printed what was asked for; what prevents that ends it. */
export async function runPrimary({ argv, command }: RunOptions): Promise<void> {
  const signals = new Signals(isatty(0));
  // Whoever read them may be gone. That loses what is written, not the process.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
  try {
    const loaded = await load({ argv, command });
    if (loaded.kind === 'run') {
      verifyAddon();
      widenCoreLimits(loaded.settings);
      const { start } = await import('./boot.js');
      await start(loaded.settings, loaded.warnings, signals);
    } else {
      await new Promise<void>((resolve) => process.stdout.write(loaded.text, () => resolve()));
      // Not left to the loop: code of the project may have opened something, or wait for a file that hangs.
      await exitProcess(Number(process.exitCode ?? 0), false);
    }
  } catch (error) {
    const { message, exitCode } = startFailure(error);
    process.stderr.write(`multilane: ${message}\n`);
    await exitProcess(exitCode, false);
  }
}

/**
 * A configuration file may set WORKERS, which decides how many open files are needed, so it is read where
 * that may succeed.
 * @throws ConfigError as `loadSettings`, and when modules cannot be loaded because the limit of open files is
 *   too low
 */
async function load({ argv, command }: RunOptions): Promise<Loaded> {
  // Before modules are loaded: what they have opened may leave no file to find this out.
  const openFiles = openFileLimit();
  const tooFew = isTooFewOpenFiles(openFiles)
    ? tooFewOpenFiles({ openFiles, ...earlySettings(argv) })
    : undefined;
  if (tooFew !== undefined && openFiles < KEPT_FILES) throw tooFew;
  try {
    const { referenceShop } = await import('../services/catalog.js');
    return await loadSettings({
      argv,
      command,
      cwd: process.cwd(),
      isTTY: process.stdout.isTTY === true,
      shop: referenceShop.map(({ name }) => name),
    });
  } catch (error) {
    const isForFiles = isOutOfFiles(error) || (error instanceof ConfigError && isOutOfFiles(error.cause));
    throw isForFiles && tooFew !== undefined ? tooFew : error;
  }
}
