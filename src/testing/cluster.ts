// `startCluster`: the real process (`dist/primary.js` of the package) as a child, on free ports, with a data
// folder of its own.
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inheritedEnvironment } from '../config/inherited-environment.js';
import { flagOf } from '../config/setting-names.js';
import { newDataDir } from './data-dir.js';
import { fileOf } from './file-path.js';
import { ClusterError, type Exit, endOf, StartedProcess } from './started-process.js';

const ENTRY = fileURLToPath(new URL('./tethered.js', import.meta.url));
const START_MS = 30_000;
const STOP_MS = 30_000;

/**
 * So that clusters run side by side, and connections that a test's client keeps open hold no stop up for
 * long.
 */
const ISOLATED = { HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0', DRAIN_MS: '500' };

export interface ClusterOptions {
  /** Configuration module: its URL, or its path from the working directory. Default: that of `cwd`. */
  readonly config?: URL | string;
  /** By their camelCase names; `port`, `adminPort` and `dataDir` are set already, 0 and a new folder. */
  readonly settings?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /** Variables beside those of this process. Settings are not inherited: `DATABASE_URL` has to be passed. */
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory of the process. Default: the folder of `config`. */
  readonly cwd?: URL | string;
  /** Longest time until it is ready. Default 30000. */
  readonly startTimeoutMs?: number;
  /** Longest time that `stop` waits. Default 30000. */
  readonly stopTimeoutMs?: number;
}

export interface TestCluster {
  /** Of the data plane, without a slash at its end. */
  readonly url: string;
  readonly adminUrl: string;
  readonly pid: number;
  /** Every line so far: of the log, one JSON object each. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Settles when the process has ended by itself or was stopped. */
  readonly exited: Promise<Exit>;
  /**
   * Drains it (SIGTERM), waits for its end and removes its data folder. Called again, it is the same stop.
   * @throws ClusterError when it ended with another exit code than 0, or did not end in time and was killed
   */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Resolves when the process is ready. It ends with the process that has started it, whatever becomes of that
 * one.
 * @throws ClusterError with what it printed when it ends first, or is not ready in time
 */
export async function startCluster(options: ClusterOptions = {}): Promise<TestCluster> {
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
      // An embedded PostgreSQL that was left behind may still write there; without its folder it ends by
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
    // What is told is why it has not started.
    await (started.running ? end() : remove()).catch(() => {});
    throw error;
  }
}

/** `adminPort` as ADMIN_PORT. */
const nameOf = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
