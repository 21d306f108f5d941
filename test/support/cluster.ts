// The real process, seen from outside: `node dist/primary.js` on free ports, with a data folder of its own.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newDataDir } from '#src/testing/data-dir.js';
import { type Exit, StartedProcess } from '#src/testing/started-process.js';
import { type TestCertificate, tlsEnv } from './certificate.js';
import { closeIdleConnections } from './client.js';
import { leftovers, reap } from './leftovers.js';
import { copyData } from './made-data.js';
import { copyServer } from './postgres.js';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const PRIMARY = join(ROOT, 'dist/primary.js');
/** The `bin` of the package. */
export const CLI = join(ROOT, 'dist/cli.js');

/** Longer than any start takes, also where many programs share the cores. */
const READY_MS = 50_000;
const STOP_MS = 25_000;

export { type Exit, newDataDir };

/**
 * What a start finds in its data folder: the migrated databases of the reference shop, without rows, a
 * PostgreSQL without databases of services, or nothing, so that it makes all of that.
 */
export type Found = 'shop' | 'server' | 'nothing';

/** One line of stdout: a JSON object of pino. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface ClusterOptions {
  /** Settings by variable name, over those of `isolated`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Program and arguments through which Node.js is started, such as `unshare` with its options. */
  readonly within?: readonly string[];
  /** Arguments of Node.js up to the entry file. Default: `dist/primary.js`. */
  readonly entry?: readonly string[];
  /** Path of a configuration module. Default: none, for the reference shop. */
  readonly config?: string;
  readonly cwd?: string;
  /** Data folder, e.g. that of an earlier cluster. Default: a new one. `dispose` removes it. */
  readonly dataDir?: string;
  /**
   * What `startCluster` finds in its new data folder. Default: `shop` for the reference shop with a
   * PostgreSQL of its own, else `nothing`.
   */
  readonly found?: Found;
  /** Whether the process has a channel for messages, as under a process manager. Default: false. */
  readonly ipc?: boolean;
  /** Certificate for serving over TLS. Default: no TLS. */
  readonly tls?: TestCertificate | undefined;
}

export interface Cluster {
  readonly url: string;
  /** The certificate that clients must trust, PEM, when the URL is https. */
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
  /** Messages that the process has sent over its channel. */
  readonly messages: readonly unknown[];
  send(message: string): void;
  /**
   * Closes the connections that `fetch` keeps idle, sends a signal and waits for the end.
   * @throws ClusterError when it takes longer than 25 s
   */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
  /** Processes of this cluster that still run, as `pid command`. */
  leftovers(): string[];
  /** Ends all its processes that still run, PostgreSQL included, and removes its data folder. */
  dispose(): Promise<void>;
}

/**
 * The environment of a started process: no setting of the shell that runs the tests leaks into it, except the
 * HTTP core on which the suite runs (CORE in core.ts).
 */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = [
    'PATH',
    'HOME',
    'LANG',
    'TMPDIR',
    'USER',
    'NODE_V8_COVERAGE',
    'npm_config_cache',
    'HTTP_CORE',
  ];
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
  GRPC_PORT: '0',
  WORKERS: '2',
  DATA_DIR: dataDir,
  // Connections that a test leaves open delay a stop by no more than this.
  DRAIN_MS: '2000',
});

/** A cluster whose process runs, but which may not be ready yet, or never become ready. */
export type Launched = Omit<Cluster, 'url' | 'adminUrl'> & {
  /**
   * Resolves with its addresses once it is ready. @throws ClusterError when it ends first or takes over 50 s
   */
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

/** Starts a cluster and waits until it is ready. @throws ClusterError with its stderr when it ends first */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { found = isShop(options) ? 'shop' : 'nothing' } = options;
  const launched = launchCluster({ ...options, dataDir: options.dataDir ?? (await dataDirWith(found)) });
  try {
    return { ...launched, ...(await launched.ready()) };
  } catch (error) {
    launched.signal('SIGKILL');
    await reap(launched.dataDir);
    throw error;
  }
}

const isShop = ({ config, entry, env }: ClusterOptions): boolean =>
  config === undefined && entry === undefined && env?.DATABASE_URL === undefined;

/** Creates a data folder. The caller removes it. */
export async function dataDirWith(found: Found): Promise<string> {
  const dataDir = newDataDir();
  if (found === 'server') await copyServer(dataDir);
  if (found === 'shop') await copyData('shop', dataDir, makeShop);
  return dataDir;
}

/** Makes the databases of the reference shop: only the process itself migrates them. */
async function makeShop(dataDir: string): Promise<void> {
  await copyServer(dataDir);
  const shop = launchCluster({ dataDir, env: { WORKERS: '1' } });
  await shop.ready();
  await shop.stop();
}

/** Awaits a promise. @throws Error with `detail` when it has not settled after `ms` */
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
