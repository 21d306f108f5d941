// Writes `dist/.npmignore`, which keeps out of the npm package what `files` of package.json cannot name: the
// declarations that no project can reach, and the bundles of earlier builds.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const ENTRIES = ['index.d.ts', 'testing.d.ts'];
const IMPORTED = /(?:from|import\()\s*['"](\.[^'"]+)\.js['"]/g;

/** The declarations that the types of the exports need, as paths from `dist`. */
function reachedDeclarations() {
  const seen = new Set();
  const waiting = ENTRIES.map((name) => join(DIST, name));
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const [, path] of readFileSync(file, 'utf8').matchAll(IMPORTED))
      waiting.push(`${resolve(file, '..', path)}.d.ts`);
  }
  return [...seen].map((file) => relative(DIST, file));
}

/** @param bundled the files of the last bundle, as paths from the root of the repository */
export function writePackageFiles(bundled) {
  const fromDist = bundled.map((path) => path.slice('dist/'.length));
  const lines = [
    '*.d.ts',
    ...reachedDeclarations().map((path) => `!/${path}`),
    '/bundle/**/*.js',
    '/packages/*.js',
    ...fromDist.sort().map((path) => `!/${path}`),
  ];
  writeFileSync(join(DIST, '.npmignore'), `${lines.join('\n')}\n`);
}
