// Numbers of shared memory, and of limits that processes share.
import { BEAT_MS } from '#src/cluster/load-sampler.js';
import { KIB, type Promised, promisedOn, SECOND } from './promise.js';

export const MEMORY: readonly Promised[] = [
  ...promisedOn('docs/shared-memory.md', [
    ['Bodies of up to # KiB that arrive', 'server/body/body-claim', 'LOOSE_BYTES', KIB],
    ['A metric has # series in a thread', 'memory/metrics/series', 'SERIES_PER_METRIC'],
    ['The last # requests of a thread', 'memory/layout', 'FLIGHTS'],
    ['is found there at most # ms after the loop', 'worker/concurrency-limits', 'RELEASE_BEATS', 1 / BEAT_MS],
    ['# words name the worker that makes a call', 'memory/layout', 'CALL_CLAIMS'],
    ['A worker that waits checks every # ms', 'upstream/single-flight', 'LOOK_EVERY_MS'],
    ['and keeps it for # s.', 'db/pool', 'IDLE_MS', SECOND],
    ['renews it every # ms until', 'db/pool', 'TICK_MS'],
    ['gives that up after # ms', 'db/surplus-sessions', 'TURN_MS'],
    ['not renewed its claim for # ms', 'memory/database-budget', 'WANTED_FOR_MS'],
    ['once in a window of # ms', 'resilience/overload-rule', 'WINDOW_MS'],
    ['how many there are, every # ms', 'resilience/bulkhead-queue', 'LOOK_EVERY_MS'],
    ['that has not repeated it for # ms is stalled', 'memory/bulkhead-line', 'VALID_FOR_MS'],
    ['Each limit has # buckets of its own', 'memory/layout', 'RATE_BUCKETS'],
    ['for each of # services', 'worker/memoize-by-key', 'MAX_MEMOIZED'],
  ]),
  ...promisedOn('docs/cluster-limits.md', [
    ['changes every # s (its beat)', 'shares/membership', 'BEAT_MS', SECOND],
    ['may use it for # s from', 'shares/membership', 'HOLD_MS', SECOND],
    ['seen the same beat for # s by', 'shares/membership', 'LAPSE_MS', SECOND],
    ['could not read for # s.', 'shares/membership', 'BLIND_MS', SECOND],
    ['listed: for # s after', 'shares/share-member', 'FRESH_MS', SECOND],
    ['averaged over # s,', 'shares/hot-keys', 'SMOOTHED_MS', SECOND],
    ['or the time of # permits of', 'shares/hot-keys', 'SMOOTHED_PERMITS'],
    ['has refused it for # s,', 'shares/hot-keys', 'WANTED_MS', SECOND],
    ['time of # permits', 'shares/hot-keys', 'WANTED_PERMITS'],
    ['| members | #;', 'shares/epoch', 'MOST_MEMBERS'],
    ['of all members | # for each', 'shares/pairing', 'MOST_LOANS'],
    ['of all limits | #;', 'memory/layout', 'HOT_KEYS'],
    ['keys of their own | #;', 'memory/layout', 'CLUSTER_LIMITS'],
  ]),
];
