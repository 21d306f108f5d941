#!/usr/bin/env node
// The process: settings first, everything else only when they are right. What is imported dynamically must not
// be loaded earlier: the HTTP core reads its limits from the environment when its addon is loaded.
import { isatty } from 'node:tty';
import { verifyAddon } from './addon-hash.js';
import { Signals } from './cluster/signals.js';
import { widenCoreLimits } from './config/core-environment.js';
import { loadSettings } from './config/load.js';
import { ConfigError, StartError } from './errors.js';
import { checkPlatform, thisPlatform } from './platform.js';
import { referenceShop } from './services/catalog.js';

const signals = new Signals(isatty(0));
try {
  checkPlatform(thisPlatform());
  const loaded = await loadSettings({
    argv: process.argv.slice(2),
    cwd: process.cwd(),
    isTTY: process.stdout.isTTY === true,
    shop: referenceShop.map(({ name }) => name),
  });
  if (loaded.kind === 'run') {
    verifyAddon();
    widenCoreLimits(loaded.settings);
    const { start } = await import('./primary/start.js');
    await start(loaded.settings, loaded.warnings, signals);
  } else {
    process.stdout.write(loaded.text);
  }
} catch (error) {
  const known = error instanceof ConfigError || error instanceof StartError;
  const line = known
    ? error.message
    : `cannot start: ${error instanceof Error ? error.stack : String(error)}`;
  process.stderr.write(`multilane: ${line}\n`);
  process.exit(known ? error.exitCode : 1);
}
