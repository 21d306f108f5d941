// The real process, seen from outside: `node dist/primary.js` on free ports with a data folder of its own.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newDataDir } from '#src/testing/data-dir.js';
import { type Exit, StartedProcess } from '#src/testing/started-process.js';
import { type TestCertificate, tlsEnv } from './certificate.js';
import { closeIdleConnections } from './client.js';
import { leftovers, reap } from './leftovers.js';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const PRIMARY = join(ROOT, 'dist/primary.js');
/** The `bin` of the package. */
export const CLI = join(ROOT, 'dist/cli.js');

const READY_MS = 25_000;
const STOP_MS = 25_000;

export { type Exit, newDataDir };

/** One line of stdout: pino's object. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface ClusterOptions {
  /** Settings by variable name. PORT, ADMIN_PORT and DATA_DIR are set already. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Program and arguments that start it, such as `unshare` with its options. */
  readonly within?: readonly string[];
  /** What is run; default: `dist/primary.js`. */
  readonly entry?: readonly string[];
  /** Path of a configuration module; without one it is the reference shop. */
  readonly config?: string;
  readonly cwd?: string;
  /** To start again on the data of an earlier cluster; default: a new folder, removed by `dispose`. */
  readonly dataDir?: string;
  /** As a process manager starts it, with a channel for messages; default: without. */
  readonly ipc?: boolean;
  /** Serves over TLS with it. */
  readonly tls?: TestCertificate | undefined;
}

export interface Cluster {
  readonly url: string;
  /** PEM of whom to trust, when the URL is https. */
  readonly ca: string | undefined;
  readonly adminUrl: string;
  readonly pid: number;
  readonly dataDir: string;
  /** Every line of stdout so far, as written. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Settles when the process has ended. */
  readonly exited: Promise<Exit>;
  /** The lines of stdout so far. @throws SyntaxError when one is not JSON */
  logs(): LogLine[];
  signal(name: NodeJS.Signals): void;
  /** Messages it sent over its channel. */
  readonly messages: readonly unknown[];
  send(message: string): void;
  /**
   * Closes the connections that `fetch` keeps idle, sends a signal and waits for the end.
   * @throws ClusterError when it takes longer than 25 s
   */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
  /** Processes that still belong to it, as `pid command`; empty when nothing is left running. */
  leftovers(): string[];
  /** Ends whatever is left of it, its PostgreSQL included, and removes its data folder. */
  dispose(): Promise<void>;
}

/** What a started process may see of ours: no setting leaks from the shell that runs the tests. */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'USER', 'NODE_V8_COVERAGE', 'npm_config_cache'];
  const env: Record<string, string> = {};
  for (const name of kept) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return { ...env, ...extra };
}

/** Settings under which several clusters can run side by side. */
export const isolated = (dataDir: string): Record<string, string> => ({
  HOST: '127.0.0.1',
  PORT: '0',
  ADMIN_PORT: '0',
  WORKERS: '2',
  DATA_DIR: dataDir,
  // What a test leaves open holds no stop up for longer.
  DRAIN_MS: '2000',
});

/** A cluster as soon as its process runs: it may not be ready yet, or never be. */
export type Launched = Omit<Cluster, 'url' | 'adminUrl'> & {
  /** Where it serves, once it is ready. @throws ClusterError when it ends first, or takes too long */
  ready(): Promise<Pick<Cluster, 'url' | 'adminUrl'>>;
};

export function launchCluster(options: ClusterOptions = {}): Launched {
  const { tls, dataDir = newDataDir() } = options;
  const config = options.config === undefined ? ['--demo'] : ['--config', options.config];
  const [program, ...before] = [...(options.within ?? []), process.execPath];
  const child = spawn(
    program!,
    [...before, ...(options.entry ?? [PRIMARY]), ...config, ...(options.args ?? [])],
    {
      cwd: options.cwd ?? dataDir,
      env: cleanEnvironment({ ...isolated(dataDir), ...(tls && tlsEnv(tls)), ...options.env }),
      stdio: ['ignore', 'pipe', 'pipe', ...(options.ipc === true ? (['ipc'] as const) : [])],
    },
  );
  const messages: unknown[] = [];
  child.on('message', (message) => messages.push(message));
  const started = new StartedProcess(child);
  const { pid, stdout, stderr, exited } = started;
  const stop = (name: NodeJS.Signals = 'SIGTERM'): Promise<Exit> => {
    closeIdleConnections();
    return started.stop(name, STOP_MS);
  };
  return {
    ready: () => started.ready(READY_MS),
    ca: tls?.ca,
    pid,
    dataDir,
    stdout,
    stderr,
    exited,
    logs: () => stdout.map((line) => JSON.parse(line) as LogLine),
    signal: (name) => void child.kill(name),
    messages,
    send: (message) => void child.send(message),
    stop,
    leftovers: () => leftovers(dataDir),
    async dispose() {
      if (started.running) await stop().catch(() => child.kill('SIGKILL'));
      await reap(dataDir);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Starts a cluster and waits for its ready line. @throws ClusterError with its stderr when it ends first */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const launched = launchCluster(options);
  try {
    return { ...launched, ...(await launched.ready()) };
  } catch (error) {
    launched.signal('SIGKILL');
    await reap(launched.dataDir);
    throw error;
  }
}

/** @throws Error with `detail` when the promise has not settled after `ms` */
export async function within<T>(ms: number, promise: Promise<T>, detail: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${ms} ms: ${detail()}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
