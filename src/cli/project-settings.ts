// Loads the settings of the project in the working directory as `multilane start` does: from its
// configuration file and the environment. Where Node.js does not run that file, the one of its build is read.
import type { Command } from 'commander';
import type { Settings } from '../config.js';
import { chooseCore } from '../primary/choose-core.js';
import { shopNames } from '../worker/shop-names.js';

export interface ProjectOptions {
  readonly config?: string;
  readonly demo?: boolean;
}

export function withProject(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file instead of multilane.config.{ts,js,mjs,json}')
    .option('--demo', 'the reference shop, without a configuration file');
}

/** The same choice as flags of the process. */
export const flagsOfProject = ({ config, demo }: ProjectOptions): readonly string[] => [
  ...(config === undefined ? [] : [`--config=${config}`]),
  ...(demo ? ['--demo'] : []),
];

/**
 * Loads the settings and prints warnings on stderr.
 * @throws ConfigError as `loadSettings` and `flagsOfRunnable`
 */
export async function projectSettings(options: ProjectOptions): Promise<Settings> {
  const { loadSettings } = await import('../config/load.js');
  const { flagsOfRunnable } = await import('./built-config.js');
  const cwd = process.cwd();
  const loaded = await loadSettings({
    argv: flagsOfRunnable(flagsOfProject(options), cwd),
    cwd,
    isTTY: process.stdout.isTTY === true,
    shop: shopNames,
    chooseCore,
  });
  if (loaded.kind !== 'run') throw new Error(`no flag asked for ${loaded.kind}`);
  for (const warning of loaded.warnings) process.stderr.write(`multilane: warning: ${warning}\n`);
  return loaded.settings;
}
