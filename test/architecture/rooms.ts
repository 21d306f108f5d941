// Who may import whom, as data (README, "The rooms"): every arrow that is not here is forbidden, for types as well.
import { existsSync } from 'node:fs';
import type { Import, Source } from './source.js';

/** Free for all rooms; they import each other and nothing else of ours. */
const FREE: readonly string[] = [
  'src/allowance.ts',
  'src/countdown.ts',
  'src/errors.ts',
  'src/deadline.ts',
  'src/hold.ts',
  'src/linked-list.ts',
  'src/mesh-token.ts',
  'src/scope.ts',
  'src/rate.ts',
  'src/json-form.ts',
  'src/late-module.ts',
  'src/nearest.ts',
  'src/open-files.ts',
  'src/options.ts',
  'src/unix-socket.ts',
  'src/redaction/secret-names.ts',
  'src/redaction/secret-pairs.ts',
  'src/redaction/secret-texts.ts',
  'src/redaction/secret-values.ts',
];

/** May put everything together, and therefore decides nothing. */
const WIRING =
  /^(src\/primary(\/.*)?\.ts|src\/hosting\/.*|src\/testing(\/.*)?\.ts|src\/cli(\/.*)?\.ts|workers\/.*)$/;

/** Commands: wiring beside the process, which does not know of them and does not load what they need. */
const CLI = /^src\/cli(\/.*)?\.ts$/;

/** The test kit: beside the process as well. */
const TESTING = /^src\/testing(\/.*)?\.ts$/;

/** What a user's project sees; the shop is written with nothing else. */
const SURFACE = /^src\/(index|services\/[^/]+)\.ts$/;

/** Room -> rooms it may import. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  memory: [],
  resilience: [],
  telemetry: ['memory'],
  db: ['telemetry', 'resilience'],
  server: ['telemetry', 'memory', 'resilience'],
  upstream: ['resilience', 'telemetry', 'memory'],
  saga: ['db', 'resilience', 'telemetry'],
  cluster: ['memory', 'telemetry', 'user-code'],
  'user-code': ['telemetry'],
  config: ['user-code'],
  surface: ['user-code', 'server', 'upstream', 'saga', 'db', 'telemetry', 'resilience', 'memory'],
};

/** Library -> the only room that may import it. Others get what they need through that room's contract. */
const LIBRARIES: readonly (readonly [RegExp, RegExp])[] = [
  [/^uWebSockets\.js$/, /^src\/(server\/uws[^/]*|cluster\/front)\.ts$/],
  [/^pg(-|$)|^node-pg-migrate$/, /^src\/db\//],
  [/^prom-client$|^@opentelemetry\//, /^src\/telemetry\//],
  [/^piscina$/, /^src\/cluster\//],
  [/^undici$/, /^src\/upstream\//],
  [/^fast-json-stringify$/, /^src\/server\//],
  [/^(commander|chokidar)$/, CLI],
];

const shopFolder = (path: string): string | undefined => /^src\/services\/[^/]+\//.exec(path)?.[0];

function roomOf(path: string): string | undefined {
  if (SURFACE.test(path)) return 'surface';
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

function allowsFile(path: string, file: string, typeOnly: boolean): boolean {
  if (CLI.test(file)) return CLI.test(path);
  if (TESTING.test(file)) return TESTING.test(path);
  if (WIRING.test(path)) return true;
  const shop = shopFolder(path);
  if (shop !== undefined) return file === 'src/index.ts' || file.startsWith(shop);
  if (FREE.includes(file)) return true;
  if (path === 'src/services/catalog.ts' && shopFolder(file) !== undefined) return true;
  if (file === 'src/config.ts') return typeOnly && !FREE.includes(path);
  const room = roomOf(path);
  if (room === undefined || file === 'src/index.ts') return false;
  const target = roomOf(file);
  if (room === 'cluster' && file === 'src/registry/endpoint.ts') return typeOnly;
  return (
    target !== undefined &&
    shopFolder(file) === undefined &&
    (target === room || ARROWS[room]!.includes(target))
  );
}

function allowsLibrary(path: string, { specifier, typeOnly }: Import): boolean {
  // Everybody may be handed a logger; one room makes it.
  if (specifier === 'pino') return typeOnly || path.startsWith('src/telemetry/');
  const rule = LIBRARIES.find(([library]) => library.test(specifier));
  return rule === undefined || rule[1].test(path);
}

/** Forbidden arrows, as `src/a.ts -> b`. */
export function forbiddenImports({ path, imports }: Source): readonly string[] {
  return imports
    .filter((entry) =>
      entry.file === undefined ? !allowsLibrary(path, entry) : !allowsFile(path, entry.file, entry.typeOnly),
    )
    .map(({ specifier, file }) => `${path} -> ${file ?? specifier}`);
}

/** Imports of files that are not there. */
export function deadImports({ path, imports }: Source): readonly string[] {
  return imports
    .flatMap(({ file }) => (file === undefined || existsSync(file) ? [] : [file]))
    .map((file) => `${path} -> ${file}`);
}

/** A room that ARROWS does not know has no rules, so it may not be. */
export function isPlaced({ path }: Source): boolean {
  if (FREE.includes(path) || WIRING.test(path) || shopFolder(path) !== undefined) return true;
  if (['src/config.ts', 'src/process/addon-hash.ts'].includes(path)) return true;
  return Object.hasOwn(ARROWS, roomOf(path) ?? '-');
}

/** Name in code -> where alone it may stand. */
const NAMES: readonly (readonly [RegExp, RegExp, string])[] = [
  [/\b(SharedArrayBuffer|Atomics)\b/, /^src\/memory\//, 'shared memory is named in src/memory only'],
  [/\bprocess\s*\.\s*env\b/, /^src\/config(\/[^/]+)?\.ts$/, 'the environment is read in src/config only'],
  [
    /\bprocess\s*\.\s*stdout\s*\.\s*write\b/,
    /^src\/(?!cli\/)|^src\/cli\/output\.ts$/,
    'commands print through src/cli/output.ts, which lets no text of another process steer the terminal',
  ],
  [/\bnew\s+(Worker|Piscina)\b/, /^src\/cluster\//, 'threads are made in src/cluster only'],
];

export function misplacedNames({ path, code }: Source): readonly string[] {
  return NAMES.filter(([name, where]) => name.test(code) && !where.test(path)).map(
    ([, , rule]) => `${path}: ${rule}`,
  );
}
