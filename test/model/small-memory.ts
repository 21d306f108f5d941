// The built code of `src/memory` with small tables. The number of bulkheads or permits is a constant of
// layout.ts, and a loop over ten thousand words need not be explored. Everything else is the code as
// it is, or with one fault planted in it.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** A replacement of text in a built module, which must contain the text exactly once. */
export interface Patch {
  /** Name of the module, such as `bulkhead-cells`. */
  readonly module: keyof MemoryModules;
  readonly from: string;
  readonly to: string;
}

export interface MemoryModules {
  'address-cells': typeof import('#src/memory/address-cells.js');
  'admission-cells': typeof import('#src/memory/admission-cells.js');
  block: typeof import('#src/memory/block.js');
  'breaker-cell': typeof import('#src/memory/breaker/breaker-cell.js');
  'breaker-window': typeof import('#src/memory/breaker/breaker-window.js');
  'budget-cell': typeof import('#src/memory/budget-cell.js');
  'bulkhead-cells': typeof import('#src/memory/bulkhead-cells.js');
  'bulkhead-line': typeof import('#src/memory/bulkhead-line.js');
  'call-claims': typeof import('#src/memory/call-claims.js');
  'open-connections': typeof import('#src/memory/open-connections.js');
  'connection-shares': typeof import('#src/memory/connection-shares.js');
  'database-budget': typeof import('#src/memory/database-budget.js');
  'ejection-cells': typeof import('#src/memory/ejection-cells.js');
  'endpoint-cells': typeof import('#src/memory/endpoint-cells.js');
  'flight-recorder': typeof import('#src/memory/flight-recorder.js');
  layout: typeof import('#src/memory/layout.js');
  'name-table': typeof import('#src/memory/name-table.js');
  part: typeof import('#src/memory/part.js');
  placement: typeof import('#src/memory/placement.js');
  'permit-census': typeof import('#src/memory/permit-census.js');
  'permit-ledger': typeof import('#src/memory/permit-ledger.js');
  'probe-permits': typeof import('#src/memory/probe-permits.js');
  'quota-cells': typeof import('#src/memory/quota-cells.js');
  'rate-bucket': typeof import('#src/memory/rate/rate-bucket.js');
  'rate-regions': typeof import('#src/memory/rate/rate-regions.js');
  'rate-rows': typeof import('#src/memory/rate/rate-rows.js');
  'rate-table': typeof import('#src/memory/rate/rate-table.js');
  'snapshot-log': typeof import('#src/memory/snapshot-log.js');
  'text-page': typeof import('#src/memory/text-page.js');
  switches: typeof import('#src/memory/switches.js');
  wide: typeof import('#src/memory/metrics/wide.js');
}

const MODULES: readonly (keyof MemoryModules)[] = [
  'address-cells',
  'admission-cells',
  'block',
  'breaker-cell',
  'breaker-window',
  'budget-cell',
  'bulkhead-cells',
  'bulkhead-line',
  'call-claims',
  'open-connections',
  'connection-shares',
  'database-budget',
  'ejection-cells',
  'endpoint-cells',
  'flight-recorder',
  'layout',
  'name-table',
  'part',
  'placement',
  'permit-census',
  'permit-ledger',
  'probe-permits',
  'quota-cells',
  'rate-bucket',
  'rate-regions',
  'rate-rows',
  'rate-table',
  'snapshot-log',
  'text-page',
  'switches',
  'wide',
];

const size = (name: string, from: string, to: string): Patch => ({
  module: 'layout',
  from: `export const ${name} = ${from};`,
  to: `export const ${name} = ${to};`,
});

const SIZES: readonly Patch[] = [
  size('MAX_ENDPOINTS', '12_288', '2'),
  size('SNAPSHOT_BYTES', '6 << 20', '8'),
  size('CHANGES_BYTES', '1 << 16', '4'),
  size('SWITCHED_OFF_BYTES', '1 << 16', '16'),
  size('SHARE_BYTES', '1 << 16', '16'),
  size('BULKHEADS', '256', '1'),
  size('FLIGHTS', '128', '2'),
  size('ROUTES', '512', '2'),
  size('NAMED_BREAKERS', '64', '1'),
  size('NAMED_RATES', '64', '2'),
  size('DATABASE_PERMITS', '10_000', '2'),
  size('DATABASE_POOLS', '32', '1'),
  size('CALL_CLAIMS', '4096', '2'),
  size(
    'ADDRESS_CELLS',
    '{ bodies: 1024, bodyBytes: 1024, streams: 8192, connections: 1024 }',
    '{ bodies: 2, bodyBytes: 2, streams: 2, connections: 2 }',
  ),
];

/** A census that meets a thread in the middle of an operation is tried twice instead of a hundred times. */
const TRIES = (['permit-ledger', 'probe-permits'] as const).map(
  (module): Patch => ({ module, from: 'const TRIES = 100;', to: 'const TRIES = 1;' }),
);

/** All threads of a model run in this one; `runsAs` sets which of them runs. */
const THREAD_ID: Patch = {
  module: 'part',
  from: "import { threadId } from 'node:worker_threads';",
  to: 'const threadId = { valueOf: () => globalThis.modelThread };',
};

/** Sets the thread id that `part.ts` reads. */
export function runsAs(thread: number): void {
  Object.assign(globalThis, { modelThread: thread });
}

/** Loads the modules with these patches. @throws Error unless the text of each patch occurs exactly once */
export async function smallMemory(...patches: readonly Patch[]): Promise<MemoryModules> {
  const built = dirname(fileURLToPath(import.meta.resolve('#src/memory/layout.js')));
  const folder = mkdtempSync(join(tmpdir(), 'multilane-model-'));
  try {
    cpSync(built, folder, { recursive: true, filter: (path) => !/\.(map|d\.ts)$/.test(path) });
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    for (const patch of [...SIZES, THREAD_ID, ...TRIES, ...patches]) apply(folder, patch);
    const entries = MODULES.map(async (name): Promise<readonly [string, unknown]> => {
      return [name, await import(pathToFileURL(fileOf(folder, name)).href)];
    });
    return Object.fromEntries(await Promise.all(entries)) as unknown as MemoryModules;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The path of a module, which may be in a folder of its subject. */
function fileOf(folder: string, module: keyof MemoryModules): string {
  const name = `${module}.js`;
  const path = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find(
    (one) => basename(one) === name,
  );
  if (path === undefined) throw new Error(`model: there is no ${name} below src/memory`);
  return join(folder, path);
}

function apply(folder: string, { module, from, to }: Patch): void {
  const path = fileOf(folder, module);
  const parts = readFileSync(path, 'utf8').split(from);
  if (parts.length !== 2) {
    throw new Error(`model: ${module}.js has ${parts.length - 1} times, not once: ${from}`);
  }
  writeFileSync(path, parts.join(to));
}
