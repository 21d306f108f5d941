// For CI: checks that every installed prebuilt uWebSockets.js addon is the pinned one, and that none is
// missing.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const built = new URL('../dist/process/addon-hash.js', import.meta.url);
if (!existsSync(fileURLToPath(built))) {
  process.stderr.write('check-addon: dist is missing, run npm run build first\n');
  process.exit(1);
}
const { ADDON_SHA256, addonFolder, verifyAddon } = await import(built.href);

const folder = addonFolder();
const present = readdirSync(folder).filter((name) => name.endsWith('.node'));
const names = [...new Set([...Object.keys(ADDON_SHA256), ...present])];
const faults = names.flatMap((name) => {
  try {
    verifyAddon(join(folder, name));
    return [];
  } catch (error) {
    return [error.message];
  }
});
for (const fault of faults) process.stderr.write(`check-addon: ${fault}\n`);
if (faults.length > 0) process.exit(1);
process.stdout.write(`check-addon: ${names.length} addons are the pinned ones\n`);
