// `startCluster`: starts the real process (`dist/primary.js` of the package) as a child, on free ports and
// with a data folder of its own.
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inheritedEnvironment } from '../config/inherited-environment.js';
import { flagOf } from '../config/setting-names.js';
import { ANYTHING, checkOptions, shapeOf, typeErrorFor, wholeNumber } from '../options.js';
import { newDataDir } from './data-dir.js';
import { fileOf } from './file-of.js';
import { ClusterError, type Exit, endOf, StartedProcess } from './started-process.js';

const ENTRY = fileURLToPath(new URL('./tethered.js', import.meta.url));
const START_MS = 30_000;
const STOP_MS = 30_000;

/**
 * Default settings with which several clusters can run at the same time. The drain is short because it waits
 * for idle connections too, and the client of the test (`fetch`) keeps such connections open.
 */
const ISOLATED = { HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0', GRPC_PORT: '0', DRAIN_MS: '500' };

/** The options of `startCluster`. */
export interface ClusterOptions {
  /**
   * The configuration module: its URL, or its path from the working directory.
   * @default the configuration module in `cwd`
   */
  readonly config?: URL | string;
  /**
   * Settings by their camelCase names.
   * @default `host` 127.0.0.1, `port` and `adminPort` 0, `dataDir` a new folder, `drainMs` 500
   */
  readonly settings?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /**
   * Environment variables in addition to those of this process. Settings such as `DATABASE_URL` are not
   * inherited; pass them here or in `settings`.
   * @default none
   */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * The working directory of the process.
   * @default the folder of `config`
   */
  readonly cwd?: URL | string;
  /**
   * The longest time until the process is ready, in milliseconds.
   * @default 30_000
   */
  readonly startTimeoutMs?: number;
  /**
   * The longest time that `stop` waits, in milliseconds.
   * @default 30_000
   */
  readonly stopTimeoutMs?: number;
}

const OPTIONS = shapeOf<ClusterOptions>("{ config: 'multilane.config.js' }", {
  config: ANYTHING,
  settings: ANYTHING,
  env: ANYTHING,
  cwd: ANYTHING,
  startTimeoutMs: wholeNumber(1),
  stopTimeoutMs: wholeNumber(1),
});

/** A process that `startCluster` has started. */
export interface TestCluster {
  /** The URL of the data plane, without a trailing slash. */
  readonly url: string;
  /** The URL of the admin plane, without a trailing slash. */
  readonly adminUrl: string;
  readonly pid: number;
  /** The lines written so far: the log, one JSON object a line. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Settles when the process has ended, by itself or by `stop`. */
  readonly exited: Promise<Exit>;
  /**
   * Drains the process (SIGTERM), waits for its end and removes its data folder. A second call returns the
   * same promise.
   * @throws ClusterError when the exit code was not 0, or when the process did not end in time and was killed
   */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a process and resolves when it is ready. It ends together with the calling process, even when that
 * is killed.
 * @throws ClusterError with the output of the process when it ends first, or is not ready in time
 * @throws TypeError for an unknown option
 * @example
 *   const config = new URL('../multilane.config.js', import.meta.url);
 *   const cluster = await startCluster({ config, settings: { workers: 1 } });
 *   const response = await fetch(`${cluster.url}/hello/Ada`);
 *   await cluster.stop(); // in `after`, also when a test fails
 */
export async function startCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  checkOptions(options, OPTIONS, typeErrorFor('startCluster'));
  const { settings = {}, env, startTimeoutMs = START_MS, stopTimeoutMs = STOP_MS } = options;
  const config = options.config === undefined ? undefined : fileOf(options.config);
  const cwd = options.cwd === undefined ? config && dirname(config) : fileOf(options.cwd);
  const dataDir = newDataDir();
  const flags = Object.entries(settings).map(([key, value]) => `${flagOf(nameOf(key))}=${String(value)}`);
  const child = spawn(
    process.execPath,
    [ENTRY, ...(config === undefined ? [] : [`--config=${config}`]), ...flags],
    {
      cwd,
      env: { ...inheritedEnvironment(), ...ISOLATED, DATA_DIR: dataDir, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    },
  );
  const started = new StartedProcess(child);
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  const end = async (): Promise<void> => {
    try {
      const exit = await started.stop('SIGTERM', stopTimeoutMs);
      if (exit.code !== 0) throw new ClusterError(`ended with ${endOf(exit)}:`, exit, started);
    } catch (error) {
      if (started.running) child.kill('SIGKILL');
      // An embedded PostgreSQL that was left running may still write there; without its folder it ends by
      // itself.
      await remove().catch(() => {});
      throw error;
    }
    await remove();
  };
  try {
    const { url, adminUrl } = await started.ready(startTimeoutMs);
    const { pid, stdout, stderr, exited } = started;
    let stopping: Promise<void> | undefined;
    const stop = (): Promise<void> => {
      stopping ??= end();
      return stopping;
    };
    return { url, adminUrl, pid, stdout, stderr, exited, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    // The error of the start is reported, not one of the clean-up.
    await (started.running ? end() : remove()).catch(() => {});
    throw error;
  }
}

/** The name of a setting: `adminPort` becomes ADMIN_PORT. */
const nameOf = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
