// The allowed imports between modules. Every other import is forbidden, including imports of types. The map
// of the modules is docs/architecture.md.
import { existsSync } from 'node:fs';
import type { Import, Source } from './source.js';

/** Files that every module may import. They import only each other and packages. */
const FREE: readonly string[] = [
  'src/abort-source.ts',
  'src/accept-queue.ts',
  'src/address-ranges.ts',
  'src/allowance.ts',
  'src/appended.ts',
  'src/buffer-of.ts',
  'src/built-file.ts',
  'src/countdown.ts',
  'src/counted.ts',
  'src/deadline.ts',
  'src/error-text.ts',
  'src/error-type.ts',
  'src/errors.ts',
  'src/etcd-text.ts',
  'src/grouped-interval.ts',
  'src/hold.ts',
  'src/json-form.ts',
  'src/json-scan.ts',
  'src/lazy-module.ts',
  'src/node-crypto.ts',
  'src/linked-list.ts',
  'src/mesh-token.ts',
  'src/name-suggestion.ts',
  'src/node-http.ts',
  'src/open-files.ts',
  'src/openapi-checks.ts',
  'src/openapi-options.ts',
  'src/options.ts',
  'src/piece-source.ts',
  'src/port-listeners.ts',
  'src/problem.ts',
  'src/rate.ts',
  'src/request-body-error.ts',
  'src/rpc-error.ts',
  'src/scope.ts',
  'src/service-name.ts',
  'src/source-file.ts',
  'src/unix-socket.ts',
  'src/upstream-options.ts',
  'src/work-timing.ts',
];
const FREE_FOLDER = 'src/redaction/';

/** Files that connect the modules, and may import all of them. */
const WIRING = /^(src\/(primary|worker|testing|cli)(\/.*)?\.ts|workers\/.*)$/;

/**
 * The dashboard runs in browsers. It has no code of the process, only the types of the JSON that it reads,
 * which are all in one file; and nothing imports the dashboard.
 */
const DASHBOARD = 'dashboard/';
const PLANE_JSON = 'src/admin/plane-json.ts';

/** The command line and the test kit, which the running process must not import. */
const BESIDE = [/^src\/cli(\/.*)?\.ts$/, /^src\/testing(\/.*)?\.ts$/];

interface Arrows {
  /** Modules that may be imported. */
  readonly values: readonly string[];
  /** Modules of which only types may be imported. */
  readonly types?: readonly string[];
}

export const ARROWS: Readonly<Record<string, Arrows>> = {
  resilience: { values: [] },
  memory: { values: [], types: ['resilience'] },
  telemetry: { values: ['memory'] },
  'user-code': { values: [] },
  config: { values: ['user-code'] },
  process: { values: [], types: ['config'] },
  db: { values: ['resilience'], types: ['telemetry'] },
  // It queries the server that it has started, with the client of `db`.
  postgres: { values: ['process', 'db'], types: ['telemetry'] },
  // The protocol of gRPC, shared by its server and its client.
  grpc: { values: [] },
  server: { values: ['telemetry', 'memory', 'resilience', 'grpc'] },
  shares: { values: ['memory'], types: ['registry'] },
  registry: { values: [], types: ['resilience'] },
  upstream: { values: ['memory', 'resilience', 'registry', 'grpc'] },
  gateway: { values: ['server', 'upstream', 'registry', 'telemetry'] },
  saga: { values: ['db', 'resilience', 'telemetry'] },
  cluster: { values: ['memory', 'telemetry'], types: ['process'] },
  cpu: { values: ['memory', 'telemetry', 'user-code'] },
  // Values: what `createBreaker`, `defineSaga` and `idempotent` are made of.
  api: { values: ['memory', 'resilience', 'saga', 'db', 'server'], types: ['upstream'] },
  // The flight record on disk, and what it tells of processes that were killed.
  'flight-record': { values: ['memory', 'process', 'telemetry'] },
  admin: {
    values: ['telemetry', 'memory', 'resilience', 'config', 'cluster', 'server'],
    types: ['registry', 'upstream', 'saga'],
  },
};

/** The public interface of the package. */
const INDEX = 'src/index.ts';

/** Libraries, each with the only files that may import it. Other modules use it through those files. */
const LIBRARIES: readonly (readonly [RegExp, RegExp])[] = [
  [/^uWebSockets\.js$/, /^src\/(server\/uws\/[^/]*|cluster\/uws-placeholder)\.ts$/],
  [/^pg(-|$)|^node-pg-migrate$/, /^src\/db\//],
  [/^prom-client$|^@opentelemetry\//, /^src\/telemetry\//],
  [/^piscina$/, /^src\/cpu\//],
  [/^undici(\/|$)|^ws$/, /^src\/upstream\//],
  [/^fast-json-stringify$/, /^src\/server\//],
  [/^protobufjs$/, /^src\/grpc\//],
  [/^@grpc\/|^grpc-health-check$/, /^src\/(server\/grpc\/|upstream\/)/],
  [/^(commander|chokidar)$/, /^src\/cli(\/.*)?\.ts$/],
];

/** The folder of a service of the reference shop; undefined for other paths. */
const shopFolder = (path: string): string | undefined => /^src\/services\/[^/]+\//.exec(path)?.[0];

function moduleOf(path: string): string | undefined {
  return path === INDEX ? 'api' : /^src\/([^/]+)\//.exec(path)?.[1];
}

const isFree = (path: string): boolean => FREE.includes(path) || path.startsWith(FREE_FOLDER);

function allowsFile(path: string, file: string, typeOnly: boolean): boolean {
  if (path.startsWith(DASHBOARD)) {
    return file.startsWith(DASHBOARD) || (typeOnly && file === PLANE_JSON);
  }
  if (file.startsWith(DASHBOARD) || file === PLANE_JSON) return false;
  const beside = BESIDE.find((folder) => folder.test(file));
  if (beside !== undefined) return beside.test(path);
  if (WIRING.test(path)) return true;
  if (path.startsWith('src/services/')) return allowsInShop(path, file);
  if (isFree(file)) return true;
  if (isFree(path)) return false;
  if (file === 'src/config.ts') return typeOnly || path.startsWith('src/config/');
  const [from, to] = [moduleOf(path), moduleOf(file)];
  if (from === undefined || to === undefined || file === INDEX) return false;
  if (from === to) return true;
  const { values = [], types = [] } = ARROWS[from] ?? {};
  return values.includes(to) || (typeOnly && types.includes(to));
}

/** A service imports the public interface and its own files; the catalog imports the services. */
function allowsInShop(path: string, file: string): boolean {
  const own = shopFolder(path);
  return file === INDEX || (own === undefined ? shopFolder(file) !== undefined : file.startsWith(own));
}

function allowsLibrary(path: string, { specifier, typeOnly }: Import): boolean {
  if (path.startsWith(DASHBOARD)) return /^(preact|uplot)(\/|$)/.test(specifier);
  // Every module may use the type of a logger, but only telemetry makes loggers.
  if (specifier === 'pino') return typeOnly || path.startsWith('src/telemetry/');
  const rule = LIBRARIES.find(([library]) => library.test(specifier));
  return rule === undefined || rule[1].test(path);
}

/** The forbidden imports of a file, as `src/a.ts -> b`. */
export function forbiddenImports({ path, imports }: Source): readonly string[] {
  return imports
    .filter((entry) =>
      entry.file === undefined ? !allowsLibrary(path, entry) : !allowsFile(path, entry.file, entry.typeOnly),
    )
    .map(({ specifier, file }) => `${path} -> ${file ?? specifier}`);
}

/** The imports of a file that refer to a file which does not exist. */
export function deadImports({ path, imports }: Source): readonly string[] {
  return imports
    .flatMap(({ file }) => (file === undefined || existsSync(file) ? [] : [file]))
    .map((file) => `${path} -> ${file}`);
}

/** Whether rules exist for a file: ARROWS must list its module. */
export function isPlaced({ path }: Source): boolean {
  if (path.startsWith(DASHBOARD)) return true;
  if (isFree(path) || WIRING.test(path) || path.startsWith('src/services/')) return true;
  return path === 'src/config.ts' || Object.hasOwn(ARROWS, moduleOf(path) ?? '-');
}

/** Names in code, each with the only files that may use it and the rule for the message. */
const NAMES: readonly (readonly [RegExp, RegExp, string])[] = [
  [
    /\b(SharedArrayBuffer|Atomics)\b/,
    /^src\/(memory\/.*|process\/(block-thread|exit-guard)\.ts)$/,
    'shared memory is named in src/memory only, where a thread is blocked forever, and in the guard of the exit',
  ],
  [
    /\bprocess\s*\.\s*env\b/,
    /^src\/config(\/[^/]+)?\.ts$|^src\/process\/pm2-slot\.ts$|^src\/services\//,
    'the environment is read in src/config, that of pm2 in src/process/pm2-slot.ts, and by the shop',
  ],
  [
    /\bprocess\s*\.\s*stdout\s*\.\s*write\b/,
    /^src\/(?!cli\/)|^src\/cli\/output\.ts$/,
    'commands print through src/cli/output.ts, which lets no text of another process steer the terminal',
  ],
  [
    /\bnew\s+(Worker|Piscina)\b/,
    /^src\/(cluster|cpu|process)\//,
    'threads are made in src/cluster, src/cpu and, for the end of the process, src/process only',
  ],
];

export function misplacedNames({ path, code }: Source): readonly string[] {
  return NAMES.filter(([name, where]) => name.test(code) && !where.test(path)).map(
    ([, , rule]) => `${path}: ${rule}`,
  );
}
