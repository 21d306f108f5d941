// Runs of `dist/primary.js` that end by themselves: `--help`, refused settings, failed starts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { cleanEnvironment, type Exit, isolated, newDataDir, PRIMARY, within } from './cluster.js';
import { leftovers, reap } from './leftovers.js';

const END_MS = 20_000;

export interface Ended extends Exit {
  readonly stdout: string;
  readonly stderr: string;
  /** Processes that the run has left, as `pid command`. */
  readonly leftovers: readonly string[];
}

export interface RunOptions {
  /** Arguments. `--demo` is added when `--config` is not among them. */
  readonly args?: readonly string[];
  /** Default: `dist/primary.js` */
  readonly entry?: string;
  /** Whether nothing is added to `args`. Default: false. */
  readonly bare?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Data folder. Default: a new, empty folder, which is also the working directory. */
  readonly dataDir?: string;
}

/** Runs `node dist/primary.js` to its end. @throws Error when it still runs after 20 s */
export async function runPrimary({
  args = [],
  entry = PRIMARY,
  bare,
  env = {},
  dataDir,
}: RunOptions): Promise<Ended> {
  const folder = newDataDir();
  const data = dataDir ?? folder;
  const shop = bare === true || args.includes('--config') ? [] : ['--demo'];
  const child = spawn(process.execPath, [entry, ...shop, ...args], {
    cwd: folder,
    env: cleanEnvironment({ ...isolated(data), ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    const ended = Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
    ]);
    const [stdout, stderr, [code, signal]] = await within(
      END_MS,
      ended,
      () => `${args.join(' ')} still runs`,
    );
    return { code, signal, stdout, stderr, leftovers: dataDir === undefined ? leftovers(data) : [] };
  } finally {
    child.kill('SIGKILL');
    await reap(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}
