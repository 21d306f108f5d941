// The definition of shared memory: every field with its number of rows, its writer, its unit and its merge
// rule. Offsets and the version hash are computed from this table (placement.ts), so two builds that disagree
// refuse to share a block. Metric series are not in it: each thread has as much memory for them as it needs
// (series-memory.ts). This file does not know what a cell means to its users.

/**
 * How often a field is repeated. The distance between rows is a multiple of 64 bytes, the length of a cache
 * line. V8 may place a block 16 bytes after the beginning of a line, so the end of a row may share a line
 * with the next row. A row of `worker-…` holds the words of one thread for many things, one thing after the
 * other.
 */
export type Rows =
  | 'process'
  | 'quota'
  | 'worker'
  | 'endpoint'
  | 'worker-endpoint'
  | 'breaker'
  | 'worker-breaker'
  | 'named-breaker'
  | 'rate-bucket'
  | 'rate-region'
  | 'rate-limit'
  | 'cluster-bucket'
  | 'cluster-region'
  | 'cluster-limit'
  | 'named-rate'
  | 'bulkhead'
  | 'worker-bulkhead'
  | 'route'
  | 'worker-route'
  | 'served'
  | 'worker-served';

/**
 * `owner`: one thread writes this row (its worker, or the primary); others only read.
 * `cas`: many threads write, through compare-and-swap or atomic add on one word.
 * `primary`: only the primary writes; multi-word values are guarded by a version word (seqlock).
 */
export type Writer = 'owner' | 'cas' | 'primary';
/** How the rows of one field become one value. */
export type Merge = 'sum' | 'max' | 'last' | 'none';

export interface Field {
  readonly rows: Rows;
  /** 32-bit words per row; of `worker-…`, per thing. */
  readonly words: number;
  readonly writer: Writer;
  readonly unit: string;
  readonly merge: Merge;
}

/** Words of a 64-bit count, for example of a histogram cell: the low word, then the high word (wide.ts). */
export const WIDE = 2;
/** Cells of a histogram: see histogram.ts for their edges. */
export const HISTOGRAM_CELLS = 96;
/** Instances of all services. */
export const MAX_ENDPOINTS = 12_288;
/** Instances that clients have registered: the other rows are for those that processes serve themselves. */
export const MAX_OF_CLIENTS = 11_264;
/** Instances of one service. */
export const MAX_OF_SERVICE = 10_000;
/** Words of a breaker's window: one-second buckets, failures in the first 64 bytes, successes in the next. */
export const BREAKER_WINDOW_WORDS = 32;
/** The largest snapshot of the registry: 12,288 instances of some 500 bytes. */
export const SNAPSHOT_BYTES = 6 << 20;
/** Bytes of changes that may follow the smallest snapshot before it is written anew: see snapshot-log.ts. */
export const CHANGES_BYTES = 1 << 16;
/** Bytes of the list of routes that are switched off: enough for some hundreds. */
export const SWITCHED_OFF_BYTES = 1 << 16;
/** Requests of a thread that its flight recorder keeps: a power of two, at most 256. */
export const FLIGHTS = 128;
/**
 * Words of one record: head, two for the start, duration, two for the number of the id, and two for the high
 * bits of start and number.
 */
export const FLIGHT_WORDS = 8;
/** Words of the id of a request, with four characters in each. */
export const FLIGHT_ID_WORDS = 16;
/** Words of a worker's topics, one bit per bucket: see topic-hints.ts. */
export const TOPIC_WORDS = 64;
/** Rate limits with a region of their own, and the region that all others share: see rate-regions.ts. */
export const RATE_LIMITS = 31;
export const RATE_REGIONS = RATE_LIMITS + 1;
/**
 * Buckets of each region in a process, a power of two. A bucket has rows for six keys (rate-bucket.ts): of
 * 13,000 keys in use at once one in a thousand finds no row, of 3,500 one in a million.
 */
export const RATE_BUCKETS = 8_192;
/**
 * Buckets of each region of a block that is created without a number, as tests do: such a block limits few
 * clients.
 */
export const FEW_RATE_BUCKETS = 64;
export const RATE_BUCKET_WORDS = 16;
/** Limits over several processes with a region of their own, and the region that all others share. */
export const CLUSTER_LIMITS = 15;
export const CLUSTER_REGIONS = CLUSTER_LIMITS + 1;
/** Keys of which a process may have another part than its share. */
export const HOT_KEYS = 64;
/** Refused keys that a worker notes, a power of two, and the words of each: see rate/hot-cells.ts. */
export const REFUSED_CELLS = 16;
export const REFUSED_WORDS = 6;
/** Bytes of the text about the share of this process: see rate/share-page.ts. */
export const SHARE_BYTES = 1 << 16;
/** Bulkheads: named concurrency limits. */
export const BULKHEADS = 256;
/**
 * Bulkheads of outbound calls take at most this number of rows; the others are kept for routes and for
 * bulkheads that services name (`shared`).
 */
export const BULKHEADS_BY_CALLS = 192;
/** Words of each thread in the waiting line of a bulkhead. */
export const BULKHEAD_LINE_WORDS = 4;
/** Routes whose requests in flight are counted by route, and the row that all others share. */
export const ROUTES = 512;
export const ROUTE_ROWS = ROUTES + 1;
/** Mounted services whose requests in flight are counted by service, and the row that all others share. */
export const SERVED = 64;
export const SERVED_ROWS = SERVED + 1;
/** Breakers that belong to no endpoint but have a name. */
export const NAMED_BREAKERS = 64;
/** Rate limits that have a name. */
export const NAMED_RATES = 64;
/** Bytes of a name, and how many numbers may go with it: see name-table.ts. */
export const NAME_BYTES = 256;
export const TERMS = 8;
/** The most that DATABASE_POOL_MAX may be. */
export const DATABASE_PERMITS = 10_000;
/** Pools of one thread that have a claim of their own in the line for connections. */
export const DATABASE_POOLS = 32;
/** Words of such a claim. */
export const LINE_WORDS = 4;
/** Calls under way that others may wait for, a power of two. */
export const CALL_CLAIMS = 4096;
/** Counts of round-robin, a power of two. */
export const TURN_COUNTS = 16_384;
/**
 * Amounts that requests hold for a while and that are bounded for the process: requests whose body is being
 * received, bytes of bodies, those bytes that are counted for no address, and streaming responses. See
 * quota-cells.ts.
 */
export const QUOTAS = ['bodies', 'bodyBytes', 'looseBodyBytes', 'streams'] as const;
export type QuotaName = (typeof QUOTAS)[number];
/**
 * What is also counted by client address. Each number is half of the cells that a thread has for the count, a
 * power of two: see address-cells.ts. Streams have more cells, because the bound of an address may be small
 * there.
 */
export const ADDRESS_CELLS = { bodies: 1024, bodyBytes: 1024, streams: 8192, connections: 1024 } as const;
export type AddressCount = keyof typeof ADDRESS_CELLS;
export const ADDRESS_WORDS = 2 * Object.values(ADDRESS_CELLS).reduce((sum: number, cells) => sum + cells, 0);

const field = (rows: Rows, words: number, writer: Writer, unit: string, merge: Merge): Field => ({
  rows,
  words,
  writer,
  unit,
  merge,
});

export const LAYOUT = {
  // --- the process
  /** Requests in the process right now: the total of a ledger, see permit-ledger.ts. */
  processInFlight: field('process', 2, 'cas', 'requests, flag', 'last'),
  /** Open connections of the data plane, in the same way. */
  processConnections: field('process', 2, 'cas', 'connections, flag', 'last'),
  /**
   * Above this number of open connections no thread closes one for having more than its share: see
   * surplus-cells.ts.
   */
  surplusMostOpen: field('process', 1, 'primary', 'connections', 'none'),
  /** 1 while a worker waits for the primary to count connections by address: see connection-shares.ts. */
  connectionCensusAsked: field('process', 1, 'cas', 'flag', 'none'),
  /** 0 running, 1 draining: readable by every worker on its next request. */
  processDraining: field('process', 1, 'primary', 'flag', 'last'),
  /** The result of `/readyz` of the admin plane, which workers return on `/ready`. */
  processReady: field('process', 1, 'primary', 'flag', 'last'),
  /** The lowest level that is logged, for all threads: see switches.ts. */
  logLevel: field('process', 1, 'primary', 'level', 'last'),
  /** A trace is kept when its sampling word is below this. With all bits set, every trace is kept. */
  samplingBound: field('process', 1, 'primary', 'unsigned', 'last'),
  /** The share of requests that are logged. */
  requestLogShare: field('process', 1, 'primary', 'millionths', 'last'),
  /**
   * Which routes are switched off: see text-page.ts. The version, odd while a text is being written, is
   * compared on every request.
   */
  switchedOffVersion: field('process', 1, 'primary', 'version', 'last'),
  switchedOffLength: field('process', 2, 'primary', 'bytes', 'last'),
  switchedOffPage: field('process', (2 * SWITCHED_OFF_BYTES) / 4, 'primary', 'utf-8', 'last'),
  /** The registry: see snapshot-log.ts. The version is odd while a snapshot is being written. */
  snapshotVersion: field('process', 1, 'primary', 'version', 'last'),
  snapshotLength: field('process', 2, 'primary', 'bytes', 'last'),
  snapshotEnd: field('process', 2, 'primary', 'bytes, with the changes', 'last'),
  snapshotCount: field('process', 1, 'primary', 'publications', 'last'),
  snapshotPage: field('process', (2 * (2 * SNAPSHOT_BYTES + CHANGES_BYTES)) / 4, 'primary', 'utf-8', 'last'),
  /** Retry budget of the process: see budget-cell.ts. */
  retryBudget: field('process', 18, 'cas', 'calls, seconds, milliseconds', 'last'),
  /**
   * The size of the budget of database connections, and what all pools share of it: see database-budget.ts.
   */
  databaseBudget: field('process', 3, 'cas', 'connections, milliseconds, connections', 'last'),
  /** The holder of each permit of that budget: packed slot and pool, 0 when it is free. */
  databasePermits: field('process', DATABASE_PERMITS, 'cas', 'packed', 'none'),
  /**
   * The secret with which keys of rate limits are hashed, so that clients cannot choose keys that collide.
   */
  rateSecret: field('process', 2, 'primary', 'random', 'none'),

  /** Units of each quota that are held: the totals of a ledger. */
  quotaHeld: field('quota', 2, 'cas', 'by quota, flag', 'last'),

  /**
   * The turn of ejections, and a count of all changes: one 64-bit word, see
   * ejection-cells.ts.
   */
  ejectionTurn: field('process', 2, 'cas', 'packed', 'none'),

  /** Which worker makes which call: see call-claims.ts. */
  callClaims: field('process', CALL_CLAIMS, 'cas', 'packed', 'none'),

  /** The turns of round-robin, a count for each list of endpoints: see endpoint-cells.ts. */
  turns: field('process', TURN_COUNTS, 'cas', 'picks', 'none'),

  // --- rate limits by key: see rate-bucket.ts
  rateBuckets: field('rate-bucket', RATE_BUCKET_WORDS, 'cas', 'packed', 'none'),
  /** How far ahead the rows of a region may be, which is that of its slowest limit. */
  rateLead: field('rate-region', 1, 'cas', 'ms', 'none'),
  /** All limits by their identity: see name-table.ts. */
  limitHash: field('rate-limit', 1, 'cas', 'hash', 'none'),
  limitNameLength: field('rate-limit', 1, 'cas', 'bytes', 'none'),
  limitName: field('rate-limit', NAME_BYTES / 4, 'cas', 'utf-8', 'none'),
  limitTerms: field('rate-limit', TERMS, 'cas', 'not used', 'none'),
  /** The same for limits over several processes: see rate/cluster-rates.ts. */
  clusterBuckets: field('cluster-bucket', RATE_BUCKET_WORDS, 'cas', 'packed', 'none'),
  clusterLead: field('cluster-region', 1, 'cas', 'ms', 'none'),
  /** The numbers of the limit of a region: see rate/partial-rows.ts. */
  clusterNumbers: field('cluster-region', 3, 'cas', 'units, permits, flag', 'none'),
  clusterHash: field('cluster-limit', 1, 'cas', 'hash', 'none'),
  clusterNameLength: field('cluster-limit', 1, 'cas', 'bytes', 'none'),
  clusterName: field('cluster-limit', NAME_BYTES / 4, 'cas', 'utf-8', 'none'),
  clusterTerms: field('cluster-limit', TERMS, 'cas', 'not used', 'none'),
  /** The share of this process in these limits: see rate/share-page.ts and text-page.ts. */
  shareVersion: field('process', 1, 'primary', 'version', 'last'),
  shareLength: field('process', 2, 'primary', 'bytes', 'last'),
  sharePage: field('process', (2 * SHARE_BYTES) / 4, 'primary', 'utf-8', 'last'),
  /** What is asked for of hot keys, and refused: see rate/hot-cells.ts. */
  hotCounts: field('process', 2 * HOT_KEYS, 'cas', 'requests', 'none'),
  /** Until when the share may be used: by the shared clock, and by the wall clock. */
  shareEnd: field('process', 2, 'primary', 'seconds', 'last'),
  /** Rate limits that services have named: the same four fields as for the bulkheads below. */
  rateHash: field('named-rate', 1, 'cas', 'hash', 'none'),
  rateNameLength: field('named-rate', 1, 'cas', 'bytes', 'none'),
  rateName: field('named-rate', NAME_BYTES / 4, 'cas', 'utf-8', 'none'),
  rateTerms: field('named-rate', TERMS, 'cas', 'by limit', 'none'),

  // --- bulkheads (named concurrency limits): see bulkhead-cells.ts
  /** The totals of a ledger. */
  bulkheadHeld: field('bulkhead', 2, 'cas', 'permits, flag', 'last'),
  /** 0: the row is free. */
  bulkheadHash: field('bulkhead', 1, 'cas', 'hash', 'none'),
  bulkheadNameLength: field('bulkhead', 1, 'cas', 'bytes', 'none'),
  bulkheadName: field('bulkhead', NAME_BYTES / 4, 'cas', 'utf-8', 'none'),
  /** The numbers that go with the name, each one increased by 1; 0 means none. */
  bulkheadNumbers: field('bulkhead', TERMS, 'cas', 'by bulkhead', 'none'),
  /** The words of a thread in a ledger. */
  workerBulkheadHeld: field('worker-bulkhead', 2, 'owner', 'permits taken, given', 'none'),
  /** See bulkhead-line.ts. Other threads change the bell. */
  bulkheadLine: field(
    'worker-bulkhead',
    BULKHEAD_LINE_WORDS,
    'cas',
    'milliseconds of the shared clock, count, waiters',
    'none',
  ),

  // --- requests in flight and costs by route: see admission-cells.ts
  routeHash: field('route', 1, 'cas', 'hash', 'none'),
  routeNameLength: field('route', 1, 'cas', 'bytes', 'none'),
  routeName: field('route', NAME_BYTES / 4, 'cas', 'utf-8', 'none'),
  routeTerms: field('route', TERMS, 'cas', 'not used', 'none'),
  workerRouteInFlight: field('worker-route', 1, 'owner', 'requests', 'sum'),
  /** Windows in which this thread served the route. Other threads only check whether it has changed. */
  workerRouteUses: field('worker-route', 1, 'owner', 'windows', 'none'),
  /**
   * The time that a request of the route takes in this thread up to its first wait and after its last one; 0:
   * not measured. The row of the primary holds what the thread that ended last had measured.
   */
  workerRouteCosts: field('worker-route', 2, 'owner', 'microseconds', 'none'),

  // --- requests in flight by mounted service: see served-load.ts
  servedHash: field('served', 1, 'cas', 'hash', 'none'),
  servedNameLength: field('served', 1, 'cas', 'bytes', 'none'),
  servedName: field('served', NAME_BYTES / 4, 'cas', 'utf-8', 'none'),
  servedTerms: field('served', TERMS, 'cas', 'not used', 'none'),
  workerServedInFlight: field('worker-served', 1, 'owner', 'requests', 'sum'),

  // --- one worker slot; survives the thread that fills it
  /**
   * The worker whose thread is in this slot, 0 for none. A replacement runs beside the thread it replaces, in
   * another slot. In a part (part.ts) threads take slots by themselves: `threadId` + 1, by compare-and-swap.
   */
  workerId: field('worker', 1, 'primary', 'number', 'none'),
  /** `workerRequests` when the thread began. */
  workerRequestsBefore: field('worker', WIDE, 'primary', 'requests', 'none'),
  workerGeneration: field('worker', 1, 'primary', 'count', 'last'),
  workerHeartbeat: field('worker', 1, 'owner', 'milliseconds of the shared clock', 'max'),
  /** The words of a thread in a ledger; `workerAdmitted` and `workerQuotaHeld` are of the same kind. */
  workerConnections: field('worker', 2, 'owner', 'connections opened, closed', 'none'),
  /** Up to how many connections the thread may give up since it began: see surplus-cells.ts. */
  workerSurplus: field('worker', 1, 'primary', 'connections', 'none'),
  /** The number of connections that it has given up. */
  workerSurplusGiven: field('worker', 1, 'owner', 'connections', 'none'),
  workerInFlight: field('worker', 1, 'owner', 'requests', 'sum'),
  /** Those requests in flight that count in `processInFlight`. */
  workerAdmitted: field('worker', 2, 'owner', 'requests admitted, ended', 'none'),
  /**
   * Overload of the thread: 1 while it refuses requests; the bound of its admitted work; that work; the delay
   * of refusals.
   */
  workerAdmission: field('worker', 4, 'owner', 'flag, microseconds', 'none'),
  /** Units of each quota that this worker has taken and given. */
  workerQuotaHeld: field('worker', 2 * QUOTAS.length, 'owner', 'by quota', 'none'),
  /**
   * What the worker counts by client address, one count after the other. For the row of the primary see
   * connection-shares.ts.
   */
  workerAddressHeld: field('worker', ADDRESS_WORDS, 'owner', 'by count', 'sum'),
  workerRequests: field('worker', WIDE, 'owner', 'requests', 'sum'),
  /** Responses with status >= 500. */
  workerErrors: field('worker', WIDE, 'owner', 'requests', 'sum'),
  workerLoopUtilization: field('worker', 1, 'owner', 'millionths', 'last'),
  /** CPU time, over all threads of the slot: see cluster/load-sampler.ts. */
  workerCpuTime: field('worker', WIDE, 'owner', 'microseconds', 'sum'),
  workerLoopDelayP99: field('worker', 1, 'owner', 'microseconds', 'max'),
  workerHeapUsed: field('worker', 1, 'owner', 'kibibytes', 'sum'),
  /** The heap after the last full garbage collection; 0 before the first one. */
  workerHeapRetained: field('worker', 1, 'owner', 'kibibytes', 'sum'),
  /** The route whose code runs now, 0 for none: see running-route.ts. */
  workerCurrentRoute: field('worker', 1, 'owner', 'route', 'last'),
  workerCurrentSince: field('worker', 1, 'owner', 'milliseconds of the shared clock', 'last'),
  /** Claims in the line for database connections, one for each pool of the thread. */
  databaseLine: field(
    'worker',
    DATABASE_POOLS * LINE_WORDS,
    'owner',
    'connections + 1, milliseconds, milliseconds, server',
    'none',
  ),
  /** Buckets in which this worker has topics with subscribers. */
  workerTopics: field('worker', TOPIC_WORDS, 'owner', 'bits', 'none'),

  /** Keys that the thread has refused: see rate/hot-cells.ts. */
  workerRefused: field('worker', REFUSED_CELLS * REFUSED_WORDS, 'owner', 'by cell', 'none'),

  /** The last requests of the thread: see flight-recorder.ts. */
  flights: field(
    'worker',
    FLIGHTS * FLIGHT_WORDS,
    'owner',
    'packed, milliseconds of the shared clock, microseconds',
    'none',
  ),
  /** Ids that clients have sent for those requests, two for each record: see flight-id.ts. */
  flightIds: field('worker', FLIGHTS * 2 * FLIGHT_ID_WORDS, 'owner', 'ASCII', 'none'),
  /** What the ids begin with that the thread makes. */
  flightPrefix: field('worker', FLIGHT_ID_WORDS, 'owner', 'ASCII', 'none'),

  // --- one endpoint (an instance of a service)
  /** Calls under way: the totals of a ledger. */
  endpointInFlight: field('endpoint', 2, 'cas', 'calls, flag', 'last'),
  /**
   * What pickers compare, in one cache line: smoothed latency (EWMA), when it was last measured, and how
   * often (up to a few times); the share of failures with its time, packed; the load that the endpoint has
   * reported, one 64-bit word. See endpoint-cells.ts.
   */
  endpointLoad: field(
    'endpoint',
    6,
    'cas',
    'microseconds, milliseconds of the shared clock, packed, packed, packed',
    'last',
  ),
  /** When an endpoint has last given cause for doubt. See endpoint-doubts.ts. */
  endpointDoubt: field('endpoint', 1, 'cas', 'milliseconds of the shared clock', 'last'),
  /**
   * One 64-bit word: failures in a row, whether it is ejected, how often it was, and until when. See
   * ejection-word.ts.
   */
  endpointEjection: field('endpoint', 2, 'cas', 'packed', 'last'),

  /** The words of a thread in the ledger of `endpointInFlight`. */
  heldInFlight: field('worker-endpoint', 2, 'owner', 'calls begun, ended', 'none'),

  // --- one breaker: rows of the endpoints first, then those of the names
  /** One 64-bit word: state, forced, probes, epoch, since; and a flag. See breaker-word.ts. */
  breakerState: field('breaker', 3, 'cas', 'packed, flag', 'last'),
  /** Per one-second bucket: packed second and count. See breaker-window.ts. */
  breakerWindow: field('breaker', BREAKER_WINDOW_WORDS, 'cas', 'packed', 'last'),
  /**
   * Transitions to closed, open and half-open since the process started. A new endpoint in the row does not
   * reset them.
   */
  breakerTransitions: field('breaker', 3, 'cas', 'transitions', 'last'),
  /**
   * Half-open permits, with the epoch in which they were taken. See probe-permits.ts.
   */
  heldProbes: field('worker-breaker', 2, 'owner', 'packed, changes', 'none'),
  breakerHash: field('named-breaker', 1, 'cas', 'hash', 'none'),
  breakerNameLength: field('named-breaker', 1, 'cas', 'bytes', 'none'),
  breakerName: field('named-breaker', NAME_BYTES / 4, 'cas', 'utf-8', 'none'),
  breakerTerms: field('named-breaker', TERMS, 'cas', 'by breaker', 'none'),
} as const satisfies Record<string, Field>;

export type FieldName = keyof typeof LAYOUT;
