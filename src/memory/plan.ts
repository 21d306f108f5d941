// Where every field of the layout lies: in the block of the process, or in a part that holds a few of them.
import {
  BULKHEADS,
  type Field,
  type FieldName,
  LAYOUT,
  MAX_ENDPOINTS,
  NAMED_BREAKERS,
  NAMED_RATES,
  QUOTAS,
  RATE_LIMITS,
  RATE_REGIONS,
  ROUTE_ROWS,
  ROUTES,
  type Rows,
} from './layout.js';

/** What the size of a block depends on. Slot 0 is the primary's own row, worker threads have 1..workers. */
export interface Dimensions {
  /** Worker threads that may live at the same time, replacements beside those they replace included. */
  readonly workers: number;
  /** Buckets of each rate limit, a power of two. */
  readonly rateBuckets: number;
}

const CACHE_LINE = 64;
const padded = (bytes: number): number => Math.ceil(bytes / CACHE_LINE) * CACHE_LINE;

/** Rows of one thread, side by side. */
const PACKED: ReadonlySet<Rows> = new Set([
  'worker-endpoint',
  'worker-breaker',
  'worker-bulkhead',
  'worker-route',
]);

export interface Placement {
  /** Byte offset of row 0. */
  readonly offset: number;
  /** Bytes from one row to the next. */
  readonly stride: number;
  readonly rows: number;
}

export interface Plan<Name extends FieldName = FieldName> {
  readonly bytes: number;
  readonly version: number;
  readonly fields: Readonly<Record<Name, Placement>>;
}

/** Bytes before the first field: magic, version, dimensions, and the shared clock's epoch (two words). */
export const HEADER_BYTES = CACHE_LINE;

/** The whole block. */
export function plan(dimensions: Dimensions): Plan {
  const slots = dimensions.workers + 1;
  const breakers = MAX_ENDPOINTS + NAMED_BREAKERS;
  return planOf(Object.keys(LAYOUT) as FieldName[], {
    process: 1,
    quota: QUOTAS.length,
    worker: slots,
    endpoint: MAX_ENDPOINTS,
    'worker-endpoint': slots * MAX_ENDPOINTS,
    breaker: breakers,
    'worker-breaker': slots * breakers,
    'named-breaker': NAMED_BREAKERS,
    'rate-bucket': RATE_REGIONS * dimensions.rateBuckets,
    'rate-limit': RATE_LIMITS,
    'named-rate': NAMED_RATES,
    bulkhead: BULKHEADS,
    'worker-bulkhead': slots * BULKHEADS,
    route: ROUTES,
    'worker-route': slots * ROUTE_ROWS,
  });
}

/**
 * Computes where fields lie. Rows that one thread writes are grouped field by field and padded to 64 bytes,
 * except those of which a thread has many, which are packed: it owns them all.
 */
export function planOf<Name extends FieldName>(
  names: readonly Name[],
  count: Readonly<Partial<Record<Rows, number>>>,
): Plan<Name> {
  let offset = HEADER_BYTES;
  const fields = {} as Record<Name, Placement>;
  for (const name of names) {
    const { rows: kind, words }: Field = LAYOUT[name];
    const rows = count[kind];
    if (rows === undefined) throw new RangeError(`shared memory: no number of rows for ${name}`);
    const stride = PACKED.has(kind) ? words * 4 : padded(words * 4);
    fields[name] = { offset, stride, rows };
    offset += padded(stride * rows);
  }
  return { bytes: offset, version: versionOf(names, count), fields };
}

/** FNV-1a over the whole table: any change of a field, its size or its order is another version. */
function versionOf(names: readonly FieldName[], count: object): number {
  let hash = 0x811c9dc5;
  for (const char of JSON.stringify([names.map((name) => [name, LAYOUT[name]]), count])) {
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  }
  return hash | 0;
}
