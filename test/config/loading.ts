// Loads settings in isolation: without environment and terminal, in an empty working directory.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultConfigFile } from '#src/config/config-file.js';
import { type Loaded, type LoadOptions, loadSettings } from '#src/config/load.js';
import type { Settings } from '#src/config.js';

export const SHOP = ['users', 'orders', 'payments', 'checkout'];

export interface LoadingOptions extends Partial<LoadOptions> {
  /** True: `--demo` is not added where there is no configuration file. */
  readonly bare?: boolean;
}

export function load({ bare = false, ...options }: LoadingOptions = {}): Promise<Loaded> {
  const { argv = [], cwd = '/nonexistent' } = options;
  const isNamed = argv.some((word) => /^--(config|demo)\b/.test(word));
  const isShop = !bare && !isNamed && defaultConfigFile(cwd) === undefined;
  return loadSettings({
    env: {},
    isTTY: false,
    shop: async () => SHOP,
    parallelism: 4,
    openFiles: 20_000,
    memoryBytes: 4 * 1024 ** 3,
    oldGenerationBytes: 2 * 1024 ** 3,
    platform: 'linux',
    addresses: ['192.0.2.7'],
    ...options,
    cwd,
    argv: isShop ? ['--demo', ...argv] : argv,
  });
}

export async function running(options: LoadingOptions = {}): Promise<Extract<Loaded, { kind: 'run' }>> {
  const loaded = await load(options);
  if (loaded.kind !== 'run') throw new Error(`expected settings, got ${loaded.kind}`);
  return loaded;
}

export const settings = async (options: LoadingOptions = {}): Promise<Settings> =>
  (await running(options)).settings;

/** The exit code and the message of a refusal: `78 --port: …`. */
export async function refusal(options: LoadingOptions): Promise<string> {
  try {
    await load(options);
  } catch (error) {
    if (!(error instanceof Error) || !('exitCode' in error)) throw error;
    return `${String(error.exitCode)} ${error.message}`;
  }
  throw new Error('was not refused');
}

/** Runs `use` in a new folder that contains `files`. */
export async function inFolder<T>(
  files: Record<string, string>,
  use: (cwd: string) => Promise<T>,
): Promise<T> {
  const cwd = mkdtempSync(join(tmpdir(), 'multilane-config-'));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(cwd, name), content);
    return await use(cwd);
  } finally {
    rmSync(cwd, { recursive: true });
  }
}
