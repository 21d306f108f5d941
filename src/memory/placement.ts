// The offset of every field of the layout: in the block of the process, or in a part that holds a few of
// them.
import {
  BULKHEADS,
  CLUSTER_LIMITS,
  CLUSTER_REGIONS,
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
  SERVED,
  SERVED_ROWS,
} from './layout.js';

/**
 * The numbers that the size of a block depends on. Slot 0 is the row of the primary; worker threads have the
 * slots 1..workers.
 */
export interface Dimensions {
  /** Worker threads that may live at the same time, replacements beside those they replace included. */
  readonly workers: number;
  /** Buckets of each rate limit, a power of two. */
  readonly rateBuckets: number;
}

const CACHE_LINE = 64;
const padded = (bytes: number): number => Math.ceil(bytes / CACHE_LINE) * CACHE_LINE;

/**
 * How often a field is repeated. A number: this number of rows, each with the words of one thing. `rows` and
 * `each`: rows that hold the words of `each` things, one after the other, for example one row for each thread
 * with words for every endpoint.
 */
type Count = number | { readonly rows: number; readonly each: number };
type Counts = Readonly<Partial<Record<Rows, Count>>>;

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
    'worker-endpoint': { rows: slots, each: MAX_ENDPOINTS },
    breaker: breakers,
    'worker-breaker': { rows: slots, each: breakers },
    'named-breaker': NAMED_BREAKERS,
    'rate-bucket': RATE_REGIONS * dimensions.rateBuckets,
    'rate-region': RATE_REGIONS,
    'rate-limit': RATE_LIMITS,
    'cluster-bucket': CLUSTER_REGIONS * dimensions.rateBuckets,
    'cluster-region': CLUSTER_REGIONS,
    'cluster-limit': CLUSTER_LIMITS,
    'named-rate': NAMED_RATES,
    bulkhead: BULKHEADS,
    'worker-bulkhead': { rows: slots, each: BULKHEADS },
    route: ROUTES,
    'worker-route': { rows: slots, each: ROUTE_ROWS },
    served: SERVED,
    'worker-served': { rows: slots, each: SERVED_ROWS },
  });
}

/**
 * Computes where fields lie. Rows are grouped field by field and padded to 64 bytes, so that no two of them
 * share a cache line. In fields of `worker-…` the words of one thread for all things share a row, with no
 * padding between them, because only that thread writes them.
 */
export function planOf<Name extends FieldName>(names: readonly Name[], counts: Counts): Plan<Name> {
  let offset = HEADER_BYTES;
  const fields = {} as Record<Name, Placement>;
  for (const name of names) {
    const { rows: kind, words }: Field = LAYOUT[name];
    const count = counts[kind];
    if (count === undefined) throw new RangeError(`shared memory: no number of rows for ${name}`);
    const { rows, each } = typeof count === 'number' ? { rows: count, each: 1 } : count;
    const stride = padded(words * each * 4);
    fields[name] = { offset, stride, rows };
    offset += stride * rows;
  }
  return { bytes: offset, version: versionOf(fields), fields };
}

/** FNV-1a over the whole table: any change of a field, its size or its offset gives another version. */
function versionOf(fields: Readonly<Record<string, Placement>>): number {
  const table = Object.entries(fields).map((entry) => [entry, LAYOUT[entry[0] as FieldName]]);
  let hash = 0x811c9dc5;
  for (const char of JSON.stringify(table)) {
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  }
  return hash | 0;
}
