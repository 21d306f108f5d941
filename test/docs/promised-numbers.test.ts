// Numbers in the docs must equal the constants of the code. A constant is read from the compiled
// module: most belong to one module alone and are not exported.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { BEAT_MS } from '#src/cluster/load-sampler.js';
import { rowsFor } from '#src/cluster/worker-rows.js';
import { PROCESS_SETTINGS } from '#src/config/table.js';
import { ADDRESS_WORDS, RATE_BUCKETS } from '#src/memory/layout.js';
import { plan } from '#src/memory/placement.js';

const KIB = 1024;
const SECOND = 1000;

interface Promised {
  readonly page: string;
  /** The words around the number, which `#` stands for. */
  readonly words: string;
  readonly module: string;
  readonly constant: string;
  /** Factor from the number in the docs to the constant. @default 1 */
  readonly unit?: number;
}

const promised = (page: string, words: string, module: string, constant: string, unit = 1): Promised => ({
  page,
  words,
  module,
  constant,
  unit,
});

const PROMISES: readonly Promised[] = [
  promised(
    'docs/http.md',
    'no byte has arrived for # s, after',
    'server/uws/uws-lingering',
    'CLOSE_AFTER_MS',
    SECOND,
  ),
  promised('docs/http.md', '10 s, after # s, and', 'server/uws/uws-lingering', 'MOST_MS', SECOND),
  promised(
    'docs/http.md',
    'and after # MiB; `multilane_bodies',
    'server/uws/uws-lingering',
    'MOST_BYTES',
    KIB * KIB,
  ),
  promised('docs/http.md', 'has sent nothing for # s.', 'server/uws/uws-lingering', 'END_AFTER_MS', SECOND),
  promised(
    'docs/services.md',
    'responses of more than # KiB arrive',
    'upstream/held-bytes',
    'UNCOUNTED_BYTES',
    KIB,
  ),
  promised('docs/resilience.md', 'limit: # of each worker', 'upstream/http-transport', 'CONNECTIONS'),
  promised('docs/services.md', 'has arrived within # ms', 'upstream/stream-call', 'FAILURE_MS'),
  promised('docs/services.md', 'no longer than # KiB', 'upstream/stream-call', 'FAILURE_BYTES', KIB),
  promised('docs/gateway.md', 'and about # KiB wait', 'upstream/http-stream', 'HIGH_WATER_BYTES', KIB),
  promised('docs/gateway.md', 'beyond # KiB, what waits', 'gateway/socket-bridge', 'HIGH_WATER_BYTES', KIB),
  promised('docs/gateway.md', 'more than # interim responses', 'upstream/response-fault', 'MOST_INTERIM'),
  promised('docs/gateway.md', 'a header above # KiB', 'upstream/transport', 'MAX_HEADER_BYTES', KIB),
  promised('docs/gateway.md', 'streams up to # requests', 'worker/outbound-calls', 'STREAMS_PER_ENDPOINT'),
  promised(
    'docs/gateway.md',
    'sends none for # minutes',
    'gateway/passed-body',
    'LEAST_SILENT_MS',
    60 * SECOND,
  ),
  promised('docs/gateway.md', 'has passed # gateways', 'gateway/passed-fields', 'MOST_GATEWAYS'),
  promised(
    'docs/gateway.md',
    'either direction | # MiB',
    'gateway/gateway-route',
    'MESSAGE_BYTES',
    KIB * KIB,
  ),
  promised(
    'docs/errors.md',
    'document of more than # KiB',
    'upstream/buffered-response',
    'MAX_PROBLEM_BYTES',
    KIB,
  ),
  promised('docs/grpc.md', 'has # more second to go on', 'server/timer-wheel', 'LATE_MS', SECOND),
  promised('docs/grpc.md', 'response of more than # KiB', 'server/response-quotas', 'LARGE_RPC_BYTES', KIB),
  promised(
    'docs/grpc.md',
    'calls of a connection at a time | # |',
    'server/grpc/server-options',
    'MAX_STREAMS',
  ),
  promised('docs/grpc.md', 'a `code` of at most #', 'server/grpc/rpc-status', 'MAX_CODE'),
  promised(
    'docs/grpc.md',
    'one that is longer than # KiB has only',
    'server/grpc/rpc-status',
    'MAX_PROBLEM_BYTES',
    KIB,
  ),
  promised('docs/grpc.md', 'closed # s later', 'server/grpc/server-options', 'KEEPALIVE_TIMEOUT_MS', SECOND),
  promised('docs/resilience.md', 'A report is valid for # s', 'memory/endpoint-report', 'VALID_MS', SECOND),
  promised('docs/resilience.md', 'small service (up to #)', 'upstream/strategies/prequal', 'FEW'),
  promised('docs/resilience.md', 'or # drawn by weight and', 'upstream/strategies/prequal', 'DRAWN'),
  promised('docs/resilience.md', 'one pick in # takes an', 'upstream/strategies/prequal', 'UNCOMPARED_EACH'),
  promised('docs/http.md', 'no byte of the body for # s', 'server/body/body', 'BODY_IDLE_MS', SECOND),
  promised('docs/http.md', 'more than # pieces of fewer than', 'server/uws/uws-body', 'FLOOD_PIECES'),
  promised('docs/http.md', 'pieces of fewer than # bytes, on average', 'server/uws/uws-body', 'FLOOD_BYTES'),
  promised('SECURITY.md', 'more than # tiny ones in one packet', 'server/uws/uws-body', 'FLOOD_PIECES'),
  promised('SECURITY.md', '408 after # s without a byte', 'server/body/body', 'BODY_IDLE_MS', SECOND),
  promised('docs/http.md', 'JSON: # levels', 'server/body/json-body', 'MAX_JSON_DEPTH'),
  promised('docs/grpc.md', 'decodes to | # fields', 'grpc/field-limit', 'MAX_FIELDS'),
  promised(
    'docs/grpc.md',
    'response of more than # MiB',
    'upstream/transport',
    'MAX_RESPONSE_BYTES',
    KIB * KIB,
  ),
  promised('docs/http.md', 'form: # fields', 'server/body/form', 'MAX_FORM_FIELDS'),
  promised(
    'docs/http.md',
    '# KiB for the head of a part',
    'server/body/multipart-heads',
    'MAX_HEAD_BYTES',
    KIB,
  ),
  promised(
    'docs/http.md',
    'matches as a whole, up to # characters',
    'server/routing/router',
    'MAX_EXPRESSION_CHARS',
  ),
  promised(
    'docs/http.md',
    'weak while the file is younger than # s',
    'server/response/file-version',
    'SETTLED_MS',
    SECOND,
  ),
  promised(
    'docs/http.md',
    'files up to # KiB stay in memory',
    'server/response/file-pieces',
    'PIECE_BYTES',
    KIB,
  ),
  promised(
    'docs/http.md',
    'up to # MiB in each worker',
    'server/response/file-contents',
    'MOST_BYTES',
    KIB * KIB,
  ),
  promised(
    'docs/websocket.md',
    'and then every # s',
    'server/response/sse-frame',
    'COMMENT_EVERY_MS',
    SECOND,
  ),
  promised(
    'docs/shared-memory.md',
    'Bodies of up to # KiB that arrive',
    'server/body/body-claim',
    'LOOSE_BYTES',
    KIB,
  ),
  promised('docs/operations.md', 'At most # probes are', 'registry/probe-lane', 'MOST'),
  promised('docs/operations.md', 'but always #. Instances', 'registry/probe-lane', 'LEAST'),
  promised('docs/operations.md', 'these places; # are for', 'registry/probe-lane', 'MOST_RESPONSIVE'),
  promised('docs/scaling.md', 'removes nothing for # s after', 'registry/expiry', 'RETURN_MS', SECOND),
  promised(
    'docs/scaling.md',
    'waits up to # s for its',
    'registry/registration-order',
    'PATIENCE_MS',
    SECOND,
  ),
  promised('docs/scaling.md', '`ttlSeconds` and # s more', 'registry/removals', 'LATE_SECONDS'),
  promised('docs/scaling.md', 'more, for # s at least', 'registry/removals', 'LEAST_SECONDS'),
  promised('docs/scaling.md', 'mark stays for # s, a day', 'registry/removals', 'OF_STATIC_SECONDS'),
  promised(
    'docs/scaling.md',
    'and perhaps removed again. # such removals wait',
    'registry/backends/withdrawals',
    'MOST_WAITING',
  ),
  promised('docs/scaling.md', 'There are # marks at most', 'registry/removals', 'MOST_REMEMBERED'),
  promised(
    'docs/scaling.md',
    'of instances, and # of one name',
    'registry/backends/registry-sql',
    'MOST_OF_NAME',
  ),
  promised('docs/scaling.md', 'The first # routes without', 'server/uws/uws-server', 'STATIC_ROUTES'),
  promised('docs/performance.md', 'The first # of them are added', 'server/uws/uws-server', 'STATIC_ROUTES'),
  promised('docs/cpu.md', 'among the first # members', 'cpu/task-clone', 'MOST_CHECKED'),
  promised('SECURITY.md', 'turn of the event loop has lasted # ms', 'server/turn-watch', 'LONG_TURN_MS'),
  promised('docs/http.md', 'All sources of a worker together run for # ms', 'server/loop-share', 'SHARE_MS'),
  promised(
    'docs/resilience.md',
    'for 200 ms (default: none, # ms)',
    'resilience/bulkhead-options',
    'QUEUE_MS',
  ),
  promised('SECURITY.md', '| # s each. Up to', 'admin/server', 'headersMs', SECOND),
  promised('SECURITY.md', '# connections in all', 'admin/server', 'connections'),
  promised('SECURITY.md', 'A body has # s', 'admin/server', 'requestMs', SECOND),
  promised('SECURITY.md', 'nothing is read for # s is cut', 'admin/server', 'sendMs', SECOND),
  promised('SECURITY.md', '| # begin in each turn', 'admin/dispatcher', 'REQUESTS_A_TURN'),
  promised('SECURITY.md', 'and hold # MiB of headers', 'admin/arrivals', 'MOST_BYTES', KIB * KIB),
  promised('SECURITY.md', '| JSON bodies | # KiB', 'admin/request-body', 'MAX_BODY_BYTES', KIB),
  promised('SECURITY.md', '| JSON bodies | 64 KiB, # levels', 'server/body/json-body', 'MAX_JSON_DEPTH'),
  promised(
    'SECURITY.md',
    '| responses that are not read | # MiB',
    'admin/unread-responses',
    'MOST_UNREAD_BYTES',
    KIB * KIB,
  ),
  promised('SECURITY.md', 'up to # KiB are discarded', 'admin/linger', 'MOST_DISCARDED_BYTES', KIB),
  promised('SECURITY.md', 'after # ms the connection is gone', 'admin/linger', 'LINGER_MS'),
  promised('SECURITY.md', 'of every #th the core', 'server/uws/uws-exchange', 'SAMPLE'),
  promised('SECURITY.md', 'every #th waits', 'server/uws/uws-exchange', 'BODILESS_SAMPLE'),
  promised('SECURITY.md', 'tries by itself every # to 500 ms', 'server/uws/uws-stream', 'TRY_AFTER_MS'),
  promised('SECURITY.md', 'tries by itself every 10 to # ms', 'server/uws/uws-stream', 'TRY_AFTER_MOST_MS'),
  promised(
    'SECURITY.md',
    '`maxBackpressure` (# MiB',
    'server/websocket/websocket-checks',
    'maxBackpressure',
    KIB * KIB,
  ),
  promised('docs/cluster.md', 'come, and for # s at most', 'cluster/acceptor', 'EXPECT_MS', SECOND),
  promised('docs/cluster.md', 'responses of more than # KiB', 'server/uws/uws-ending', 'GIVE_UP_BYTES', KIB),
  promised('docs/cluster.md', 'response of at most # KiB', 'server/uws/uws-exchange', 'SMALL_BYTES', KIB),
  promised('docs/cluster.md', 'at most # times as many as', 'cluster/surplus', 'CLOSES_EACH'),
  promised('docs/cluster.md', 'connections and # more since', 'cluster/surplus', 'CLOSES_MORE'),
  promised(
    'docs/cluster.md',
    'process, together with those that were closed within the last # s',
    'cluster/surplus',
    'BACK_ROUNDS',
    4,
  ),
  promised(
    'docs/cluster.md',
    'closed within the last 2 s, are at most # %',
    'cluster/surplus',
    'MAX_OPEN_PERCENT',
  ),
  promised('docs/cluster.md', 'is waited for # s longer', 'cluster/restarts', 'overdueMs', SECOND),
  promised('docs/cluster.md', 'does not end within # s beyond', 'cluster/restarts', 'overdueMs', SECOND),
  promised('docs/cluster.md', 'uncaught exception # s)', 'cluster/restarts', 'failedDrainMs', SECOND),
  promised('docs/cluster.md', 'time left is cut short to # s', 'cluster/restarts', 'failedDrainMs', SECOND),
  promised('docs/cluster.md', 'get ready within # s,', 'cluster/restarts', 'startMs', SECOND),
  promised(
    'docs/shared-memory.md',
    'A metric has # series in a thread',
    'memory/metrics/series',
    'SERIES_PER_METRIC',
  ),
  promised('docs/shared-memory.md', 'The last # requests of a thread', 'memory/layout', 'FLIGHTS'),
  promised(
    'docs/shared-memory.md',
    'is found there at most # ms after the loop',
    'worker/concurrency-limits',
    'RELEASE_BEATS',
    1 / BEAT_MS,
  ),
  promised(
    'docs/shared-memory.md',
    '# words name the worker that makes a call',
    'memory/layout',
    'CALL_CLAIMS',
  ),
  promised(
    'docs/shared-memory.md',
    'A worker that waits checks every # ms',
    'upstream/single-flight',
    'LOOK_EVERY_MS',
  ),
  promised('docs/shared-memory.md', 'and keeps it for # s.', 'db/pool', 'IDLE_MS', SECOND),
  promised('docs/shared-memory.md', 'renews it every # ms until', 'db/pool', 'TICK_MS'),
  promised('docs/shared-memory.md', 'gives that up after # ms', 'db/surplus-sessions', 'TURN_MS'),
  promised(
    'docs/shared-memory.md',
    'not renewed its claim for # ms',
    'memory/database-budget',
    'WANTED_FOR_MS',
  ),
  promised('docs/shared-memory.md', 'once in a window of # ms', 'resilience/overload-rule', 'WINDOW_MS'),
  promised(
    'docs/shared-memory.md',
    'how many there are, every # ms',
    'resilience/bulkhead-queue',
    'LOOK_EVERY_MS',
  ),
  promised(
    'docs/shared-memory.md',
    'that has not repeated it for # ms is stalled',
    'memory/bulkhead-line',
    'VALID_FOR_MS',
  ),
  promised('docs/cluster-limits.md', 'changes every # s (its beat)', 'shares/membership', 'BEAT_MS', SECOND),
  promised('docs/cluster-limits.md', 'may use it for # s from', 'shares/membership', 'HOLD_MS', SECOND),
  promised(
    'docs/cluster-limits.md',
    'seen the same beat for # s by',
    'shares/membership',
    'LAPSE_MS',
    SECOND,
  ),
  promised('docs/cluster-limits.md', 'could not read for # s.', 'shares/membership', 'BLIND_MS', SECOND),
  promised('docs/cluster-limits.md', 'listed: for # s after', 'shares/share-member', 'FRESH_MS', SECOND),
  promised('docs/cluster-limits.md', 'averaged over # s,', 'shares/hot-keys', 'SMOOTHED_MS', SECOND),
  promised('docs/cluster-limits.md', 'or the time of # permits of', 'shares/hot-keys', 'SMOOTHED_PERMITS'),
  promised('docs/cluster-limits.md', 'has refused it for # s,', 'shares/hot-keys', 'WANTED_MS', SECOND),
  promised('docs/cluster-limits.md', 'time of # permits', 'shares/hot-keys', 'WANTED_PERMITS'),
  promised('docs/cluster-limits.md', '| members | #;', 'shares/epoch', 'MOST_MEMBERS'),
  promised('docs/cluster-limits.md', 'of all members | # for each', 'shares/pairing', 'MOST_LOANS'),
  promised('docs/cluster-limits.md', 'of all limits | #;', 'memory/layout', 'HOT_KEYS'),
  promised('docs/cluster-limits.md', 'keys of their own | #;', 'memory/layout', 'CLUSTER_LIMITS'),
  promised('docs/shared-memory.md', 'Each limit has # buckets of its own', 'memory/layout', 'RATE_BUCKETS'),
  promised('docs/operations.md', 'bounded as well: # levels', 'telemetry/log-copy', 'MAX_DEPTH'),
  promised('docs/operations.md', 'levels deep, # values', 'telemetry/log-copy', 'MAX_VALUES'),
  promised('docs/operations.md', '# characters of one text', 'redaction/shown-text', 'MAX_TEXT'),
  promised('docs/operations.md', 'one text and # of all', 'telemetry/log-copy', 'MAX_CHARACTERS'),
  promised('docs/resilience.md', 'too many names (# breakers', 'memory/layout', 'NAMED_BREAKERS'),
  promised('docs/resilience.md', 'breakers, # rate limits;', 'memory/layout', 'NAMED_RATES'),
  promised('docs/resilience.md', '; # bulkheads, with those of', 'memory/layout', 'BULKHEADS'),
  promised('docs/shared-memory.md', 'for each of # services', 'worker/memoize-by-key', 'MAX_MEMOIZED'),
  promised('docs/services.md', 'Of the # bulkheads of a process', 'memory/layout', 'BULKHEADS'),
  promised('docs/services.md', '# are in use; the others', 'memory/layout', 'BULKHEADS_BY_CALLS'),
  promised('docs/resilience.md', 'and so on up to # times that', 'resilience/ejection', 'MOST_TIMES'),
  promised(
    'docs/resilience.md',
    'calls within # seconds,',
    'memory/breaker/breaker-window',
    'WINDOW_SECONDS',
  ),
  promised('docs/resilience.md', '`threads` (default #)', 'api/standalone-memory', 'DEFAULT_THREADS'),
  promised('docs/overload.md', 'Up to # permits are always allowed', 'resilience/admission', 'LEAST_SHARE'),
  promised('docs/overload.md', 'beyond the first # of a process', 'memory/layout', 'ROUTES'),
  promised(
    'docs/overload.md',
    'alone in all of them for # s',
    'resilience/routes-in-use',
    'IN_USE_MS',
    SECOND,
  ),
  promised('docs/sagas.md', 'holds a lease of # s on it', 'saga/saga-lease', 'LEASE_MS', SECOND),
  promised('docs/cluster.md', 'for that the last # ms of', 'worker/drain-worker', 'RESPONSE_MS'),
  promised('docs/sagas.md', 'Return little: up to # levels', 'saga/json', 'MAX_LEVELS'),
  promised('docs/operations.md', 'at most every # s.', 'cluster/heap-watch', 'PAUSE_MS', SECOND),
  promised('docs/operations.md', 'has not collected for # s', 'cluster/heap-sampler', 'LATE_MS', SECOND),
  promised(
    'docs/cluster.md',
    'At most # requests: first those',
    'telemetry/flight-record-log',
    'MOST_REQUESTS',
  ),
  promised('docs/cluster.md', '# s together, and', 'process/lifecycle', 'SHARED_MS', SECOND),
  promised('docs/deployment.md', 'it has # s for each', 'db/limited-client', 'RESPONSE_TIMEOUT_MS', SECOND),
  promised('docs/deployment.md', '# s to create a database', 'db/databases', 'CREATE_TIMEOUT_MS', SECOND),
  promised('docs/deployment.md', 'log says so every # s', 'db/migration-watch', 'PROGRESS_EVERY_MS', SECOND),
  promised('docs/resilience.md', 'for # s counts as over', 'db/outage', 'PATIENCE_MS', SECOND),
  promised('docs/cluster.md', '`DRAIN_MS` + # ms. A worker', 'process/ending', 'DRAIN_GRACE_MS'),
  promised('docs/cluster.md', 'and the rest (# ms) leave of', 'process/ending', 'PARTS_AT_ONCE_MS'),
  promised('docs/cluster.md', 'leave of # ms |', 'process/ending', 'AT_ONCE_MS'),
  promised(
    'docs/cluster.md',
    'at least # s: a fast shutdown',
    'primary/steps/claim-ownership',
    'POSTGRES_STOPS_MS',
    SECOND,
  ),
  promised('docs/cluster.md', 'with # ms left an immediate one', 'postgres/postmaster-stop', 'AFTER_FAST_MS'),
  promised(
    'docs/cluster.md',
    'with # ms left it is killed',
    'postgres/postmaster-stop',
    'AFTER_IMMEDIATE_MS',
  ),
  promised('docs/cluster.md', 'waits # ms before the drain', 'primary/hand-over', 'QUESTION_MS'),
  promised(
    'docs/cluster.md',
    'at most # s before PostgreSQL is stopped',
    'postgres/embedded-stop',
    'atMostMs',
    SECOND,
  ),
  promised(
    'docs/deployment.md',
    'a number that grows every # s',
    'process/owner-presence',
    'BEAT_EVERY_MS',
    SECOND,
  ),
  promised('docs/deployment.md', 'every 2 s) for # s', 'process/owner-liveness', 'WATCH_MS', SECOND),
  promised('docs/sagas.md', '| a compensation | # times in a row', 'saga/state-machine', 'MAX_UNENDED_UNDOS'),
  promised('docs/sagas.md', 'has been there for # minutes', 'saga/journal', 'UNCLAIMED_MS', 60 * SECOND),
  promised('docs/resilience.md', 'a wait between nothing and #, 50,', 'upstream/call-service', 'baseMs'),
  promised('docs/resilience.md', '25, 50, … # ms (full jitter)', 'upstream/call-service', 'maxMs'),
  promised('docs/resilience.md', 'in its last # ms, with which', 'upstream/verdict', 'GIVEN_UP_EARLY_MS'),
  promised('docs/deployment.md', 'waits for a lock for # s (', 'db/run-migrations', 'lockTimeoutMs', SECOND),
  promised('docs/deployment.md', 'after a pause of # s it is tried', 'db/run-migrations', 'pauseMs', SECOND),
  promised('docs/deployment.md', 'gives no response for # s ends', 'db/run-migrations', 'responseMs', SECOND),
  promised('docs/metrics.md', 'At most #, whose names', 'telemetry/metric-declaration', 'MOST_LABELS'),
  promised('docs/metrics.md', 'names have # characters', 'telemetry/metric-declaration', 'MOST_LABEL_NAMES'),
  promised('docs/metrics.md', 'A metric has # series', 'memory/metrics/series', 'SERIES_PER_METRIC'),
  promised('docs/metrics.md', 'longer than # bytes with name', 'memory/metrics/series-rows', 'MOST_NAME'),
  promised('docs/metrics.md', 'ended, within # s', 'telemetry/otlp-tracing', 'SHUTDOWN_MS', SECOND),
  promised(
    'docs/cpu.md',
    'whose tasks keep the threads for more than # ms at a time',
    'cpu/fair-queue',
    'LONG_MS',
  ),
  promised(
    'docs/cpu.md',
    'had tasks lately: within 20 times as long, at most # s',
    'cpu/fair-queue',
    'LEAVE_MS',
    SECOND,
  ),
  promised('docs/cpu.md', 'does not begin within # s', 'cpu/pool-threads', 'BEGIN_MS', SECOND),
  promised('docs/cpu.md', 'When that is more than # ms within a second', 'cpu/leftover-time', 'MOST_MS'),
  promised('docs/cpu.md', 'had tasks lately: within # times as long', 'cpu/fair-queue', 'LEAVE_TIMES'),
  promised(
    'docs/cpu.md',
    'one thread goes on loading, for at most # s',
    'cpu/task-pool',
    'MOST_LOAD_MS',
    SECOND,
  ),
  promised('docs/cpu.md', 'after 1 s, 2 s and so on up to every # s', 'cpu/load-failures', 'MOST_MS', SECOND),
  promised('docs/grpc.md', 'a call with more than # fields', 'server/grpc/grpc-server', 'MOST_FIELDS'),
  promised('docs/services.md', 'in `/metrics`: # of them', 'telemetry/declared-metrics', 'MOST_METRICS'),
  promised('docs/cpu.md', 'ends by itself within # ms', 'cpu/task-pool', 'GRACE_MS'),
  promised('docs/cpu.md', '| # tasks for each thread are waiting', 'cpu/task-pool', 'QUEUE_PER_THREAD'),
  promised('docs/cpu.md', 'up to # such threads are replaced', 'cpu/pool-threads', 'REPLACED_PER_THREAD'),
  promised('docs/cpu.md', 'has not ended after # s', 'cpu/ending-threads', 'NATIVE_MS', SECOND),
  promised('docs/cpu.md', 'waits at most # ms for them', 'cpu/pool-threads', 'END_MS'),
  promised(
    'docs/grpc.md',
    'to the instance, up to #, those included',
    'upstream/grpc-pool',
    'MOST_CONNECTIONS',
  ),
  promised('docs/grpc.md', 'after # s without a call', 'upstream/grpc-transport', 'IDLE_MS', SECOND),
  promised('docs/resilience.md', 'and # s by gRPC', 'upstream/grpc-transport', 'IDLE_MS', SECOND),
  promised('docs/resilience.md', 'after # s over HTTP', 'upstream/http-transport', 'KEEP_ALIVE_MS', SECOND),
  promised(
    'docs/resilience.md',
    'takes calls for # minutes at most',
    'upstream/connection-age',
    'CONNECTION_AGE_MS',
    60 * SECOND,
  ),
  promised('docs/grpc.md', 'after some # at once', 'upstream/reset-budget', 'MOST_AT_ONCE'),
  promised('docs/grpc.md', 'at once, or # per second', 'upstream/reset-budget', 'PER_SECOND'),
  promised('docs/grpc.md', 'by TCP after # s', 'upstream/grpc-connections', 'TCP_KEEPALIVE_MS', SECOND),
];

/** @throws Error when the page does not have these words with a number */
function numberOnPage({ page, words }: Promised): number {
  const text = readFileSync(page, 'utf8').replaceAll(/\s+/g, ' ');
  const [before = '', after = ''] = words.split('#').map(escaped);
  const found = new RegExp(`${before}([\\d,]+|${NUMERALS.join('|')})${after}`).exec(text)?.[1];
  if (found === undefined) throw new Error(`${page} does not say "${words}"`);
  const numeral = NUMERALS.indexOf(found);
  return numeral === -1 ? Number(found.replaceAll(',', '')) : numeral;
}

const NUMERALS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** @throws Error when the constant is not a product of whole numbers in the module */
function numberInCode({ module, constant }: Promised): number {
  const text = readFileSync(`dist/${module}.js`, 'utf8');
  const value =
    new RegExp(`\\b${constant}\\s*[=:]\\s*([\\d_ *]+?)\\s*[;,}]`).exec(text)?.[1] ??
    valueInList(text, constant);
  if (value === undefined) throw new Error(`${module} has no constant ${constant}`);
  return value.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
}

/** The value of a constant in a declaration like `const [A, B] = [1, 2]`. */
function valueInList(text: string, constant: string): string | undefined {
  const [, names = '', values = ''] =
    new RegExp(`\\[([^\\[\\]]*\\b${constant}\\b[^\\[\\]]*)\\]\\s*=\\s*\\[([\\d_ *,]+)\\]`).exec(text) ?? [];
  return values.split(',')[names.split(',').findIndex((name) => name.trim() === constant)];
}

describe('numbers that the docs promise', () => {
  for (const one of PROMISES) {
    const { page, words, unit = 1 } = one;
    it(`are those of the code: ${page}, "${words}"`, () => {
      expect(numberInCode(one)).to.equal(numberOnPage(one) * unit);
    });
  }

  it('are those of the code: how often a heartbeat is looked at, and the largest WORKERS', () => {
    const page = 'docs/scaling.md';
    const number = (words: string): number => numberOnPage({ page, words, module: '', constant: '' });
    const look: Promised = { page, words: '', module: 'cluster/stall-ladder', constant: 'CALM_LOOK_MS' };
    expect(SECOND / number('each worker # times a second')).to.equal(numberInCode(look));
    const most = number('has room for # workers');
    expect(PROCESS_SETTINGS.WORKERS.kind.parse(`${most}`)).to.equal(most);
    expect(PROCESS_SETTINGS.WORKERS.kind.parse(`${most + 1}`)).to.equal(undefined);
  });

  it('are those of the layout: what the block and a slot of it take', () => {
    const page = 'docs/shared-memory.md';
    const promisedSize = (words: string): number => numberOnPage({ page, words, module: '', constant: '' });
    const bytes = (slots: number): number => plan({ workers: slots, rateBuckets: RATE_BUCKETS }).bytes;
    for (const workers of [4, 256]) {
      const slots = rowsFor(workers);
      expect(promisedSize(`| ${workers} | # |`), `threads of ${workers} workers`).to.equal(slots);
      const mib = promisedSize(`| ${workers} | ${slots} | # MiB |`);
      expect(mib, `block of ${workers} workers`).to.equal(Math.round(bytes(slots) / KIB / KIB));
    }
    const perSlot = (bytes(324) - bytes(7)) / (324 - 7);
    expect(promisedSize('A slot adds # KiB to the block')).to.equal(Math.round(perSlot / KIB));
    expect(promisedSize('to the block, # of them counts by')).to.equal((ADDRESS_WORDS * 4) / KIB);
  });
});
