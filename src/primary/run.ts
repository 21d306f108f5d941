// Runs the process from its arguments on: it reads the settings first, and starts only when they are right.
// The dynamic imports must not become static, because settings decide which HTTP core is loaded, and
// uWebSockets.js reads its limits from the environment when its addon is loaded.
import { setImmediate as turn } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { EarlyThreads } from '../cluster/early-threads.js';
import { RESTART_LIMITS } from '../cluster/restarts.js';
import { isTooFewOpenFiles, KEPT_FILES, tooFewOpenFiles } from '../config/connection-limit.js';
import { earlySettings } from '../config/early-settings.js';
import { type Loaded, loadSettings } from '../config/load.js';
import { openFileLimit } from '../config/open-file-limit.js';
import type { Settings } from '../config.js';
import { ConfigError } from '../errors.js';
import { isOutOfFiles } from '../open-files.js';
import { endWithDevParent } from '../process/dev-channel.js';
import { exitProcess } from '../process/process-exit.js';
import { Signals } from '../process/signals.js';
import { startFailure } from '../process/start-failure.js';
import { makeObjectsYoung } from '../process/young-objects.js';
import { reportProjectExit } from '../user-code/module.js';
import { ProjectListeners } from '../user-code/project-listeners.js';
import { shopNames } from '../worker/shop-names.js';
import { chooseCore } from './choose-core.js';
import { HTTP_WORKER } from './thread-entries.js';

export interface RunOptions {
  /** The flags: `process.argv` without the program and the script. */
  readonly argv: readonly string[];
  /** The command before the flags, for `--help`. */
  readonly command: string;
}

/** Resolves when the process serves, or has printed what a flag asks for. A failure ends the process. */
export async function runPrimary({ argv, command }: RunOptions): Promise<void> {
  const signals = new Signals(isatty(0));
  const projectListeners = new ProjectListeners();
  process.once('exit', () => reportProjectExit(projectListeners));
  // When the reader of standard output or standard error has ended, the text is lost. Without a listener, the
  // error would end the process.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
  try {
    const loaded = await load({ argv, command });
    if (loaded.kind === 'run') {
      await run(loaded, signals, projectListeners);
    } else {
      if (loaded.kind === 'check') await checkProject(loaded.settings, projectListeners);
      await new Promise<void>((resolve) => process.stdout.write(loaded.text, () => resolve()));
      // The process must be ended here, because code of the project may keep the event loop alive or wait for
      // a file that hangs.
      await exitProcess(Number(process.exitCode ?? 0), false);
    }
  } catch (error) {
    const { message, exitCode } = startFailure(error);
    process.stderr.write(`multilane: ${message}\n`);
    await exitProcess(exitCode, false);
  }
}

/** @throws ConfigError for routes and mounted applications with which no worker could start */
async function checkProject(settings: Settings, projectListeners: ProjectListeners): Promise<void> {
  const { checkProjectRoutes } = await import('../worker/project-routes.js');
  await checkProjectRoutes(settings, RESTART_LIMITS.startMs);
  await turn();
  projectListeners.refuse(settings.configFile);
}

async function run(
  { settings, core, warnings, shown, version }: Extract<Loaded, { kind: 'run' }>,
  signals: Signals,
  projectListeners: ProjectListeners,
): Promise<void> {
  endWithDevParent();
  makeObjectsYoung();
  const { startingAtOnce } = RESTART_LIMITS;
  const earlyThreads = new EarlyThreads(HTTP_WORKER, settings.httpCore);
  try {
    earlyThreads.start(Math.min(settings.workers, startingAtOnce));
    const { start } = await import('./boot.js');
    const read = { warnings, core, shownSettings: shown, version };
    await start(settings, read, signals, earlyThreads, projectListeners);
  } catch (error) {
    await earlyThreads.end();
    throw error;
  }
}

/**
 * Loads the settings. A configuration file may set WORKERS, which decides how many open files are needed, so
 * it is read even when the limit looks too low, as long as reading it may succeed.
 * @throws ConfigError as `loadSettings`, and when modules cannot be loaded because the limit of open files is
 *   too low
 */
async function load({ argv, command }: RunOptions): Promise<Loaded> {
  // The limit is read before modules are loaded. They may use up all files that the process may open, and
  // reading the limit needs one.
  const openFiles = openFileLimit();
  const tooFew = isTooFewOpenFiles(openFiles)
    ? tooFewOpenFiles({ openFiles, ...earlySettings(argv) })
    : undefined;
  if (tooFew !== undefined && openFiles < KEPT_FILES) throw tooFew;
  try {
    return await loadSettings({
      argv,
      command,
      cwd: process.cwd(),
      isTTY: process.stdout.isTTY === true,
      shop: shopNames,
      chooseCore,
    });
  } catch (error) {
    const isOutOfFileDescriptors =
      isOutOfFiles(error) || (error instanceof ConfigError && isOutOfFiles(error.cause));
    throw isOutOfFileDescriptors && tooFew !== undefined ? tooFew : error;
  }
}
