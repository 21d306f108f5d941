// Bundles the dashboard for browsers: the folder dashboard becomes one script, one style sheet, the page and
// its icon in dist/dashboard. The page needs nothing from other hosts, and no inline script or style.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = join(ROOT, 'dashboard');
const OUTPUT = join(ROOT, 'dist/dashboard');
const COPIED = ['index.html', 'dashboard.svg'];
/** It is written last. */
const LICENCES = join(OUTPUT, 'LICENSES.txt');
/** The packages whose code is in the bundle. */
const PACKAGES = ['preact', 'uplot'];

function* filesBelow(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else yield path;
  }
}

/** Whether the output is newer than everything that it is made of. */
export function isDashboardBuilt() {
  if (!existsSync(LICENCES)) return false;
  const inputs = [
    ...filesBelow(SOURCE),
    fileURLToPath(import.meta.url),
    ...PACKAGES.map((name) => join(ROOT, 'node_modules', name, 'package.json')),
  ];
  return Math.max(...inputs.map((path) => statSync(path).mtimeMs)) < statSync(LICENCES).mtimeMs;
}

const licenceOf = (name) =>
  `${name}\n\n${readFileSync(join(ROOT, 'node_modules', name, 'LICENSE'), 'utf8').trim()}\n`;

/** @returns {Promise<boolean>} false when the bundler failed; it has written the reason to stderr */
export async function buildDashboard() {
  if (isDashboardBuilt()) return true;
  // Loading the bundler takes longer than finding out that it has nothing to do.
  const { build } = await import('esbuild');
  mkdirSync(OUTPUT, { recursive: true });
  try {
    await build({
      entryPoints: { dashboard: join(SOURCE, 'main.tsx') },
      outdir: OUTPUT,
      bundle: true,
      minify: true,
      format: 'esm',
      target: ['es2022', 'chrome111', 'firefox113', 'safari16.4'],
      jsx: 'automatic',
      jsxImportSource: 'preact',
      legalComments: 'none',
      logLevel: 'warning',
    });
  } catch {
    return false;
  }
  const made = ['dashboard.js', 'dashboard.css', ...COPIED];
  for (const name of readdirSync(OUTPUT)) if (!made.includes(name)) rmSync(join(OUTPUT, name));
  for (const name of COPIED) copyFileSync(join(SOURCE, name), join(OUTPUT, name));
  writeFileSync(LICENCES, PACKAGES.map(licenceOf).join('\n---\n\n'));
  return true;
}
