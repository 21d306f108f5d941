// Numbers of the pages for operators, and of sagas.
import { type Promised, promisedOn, SECOND } from './promise.js';

export const OPERATIONS: readonly Promised[] = [
  ...promisedOn('docs/operations.md', [
    ['At most # probes are', 'registry/probe-lane', 'MOST'],
    ['but always #. Instances', 'registry/probe-lane', 'LEAST'],
    ['these places; # are for', 'registry/probe-lane', 'MOST_RESPONSIVE'],
    ['bounded as well: # levels', 'telemetry/log-copy', 'MAX_DEPTH'],
    ['levels deep, # values', 'telemetry/log-copy', 'MAX_VALUES'],
    ['# characters of one text', 'redaction/shown-text', 'MAX_TEXT'],
    ['one text and # of all', 'telemetry/log-copy', 'MAX_CHARACTERS'],
    ['at most every # s.', 'cluster/heap-watch', 'PAUSE_MS', SECOND],
    ['has not collected for # s', 'cluster/heap-sampler', 'LATE_MS', SECOND],
    ['had been in flight for # ms, or', 'flight-record/found-file', 'LEAST_MS'],
  ]),
  ...promisedOn('docs/scaling.md', [
    ['removes nothing for # s after', 'registry/expiry', 'RETURN_MS', SECOND],
    ['waits up to # s for its', 'registry/registration-order', 'PATIENCE_MS', SECOND],
    ['`ttlSeconds` and # s more', 'registry/removals', 'LATE_SECONDS'],
    ['more, for # s at least', 'registry/removals', 'LEAST_SECONDS'],
    ['mark stays for # s, a day', 'registry/removals', 'OF_STATIC_SECONDS'],
    ['and perhaps removed again. # such removals wait', 'registry/backends/withdrawals', 'MOST_WAITING'],
    ['There are # marks at most', 'registry/removals', 'MOST_REMEMBERED'],
    ['of instances, and # of one name', 'registry/backends/registry-sql', 'MOST_OF_NAME'],
    ['The first # routes without', 'server/uws/uws-server', 'STATIC_ROUTES'],
  ]),
  ...promisedOn('docs/deployment.md', [
    ['it has # s for each', 'db/limited-client', 'RESPONSE_TIMEOUT_MS', SECOND],
    ['# s to create a database', 'db/databases', 'CREATE_TIMEOUT_MS', SECOND],
    ['log says so every # s', 'db/migration-watch', 'PROGRESS_EVERY_MS', SECOND],
    ['a number that grows every # s', 'process/owner-presence', 'BEAT_EVERY_MS', SECOND],
    ['every 2 s) for # s', 'process/owner-liveness', 'WATCH_MS', SECOND],
    ['waits for a lock for # s (', 'db/run-migrations', 'lockTimeoutMs', SECOND],
    ['after a pause of # s it is tried', 'db/run-migrations', 'pauseMs', SECOND],
    ['gives no response for # s ends', 'db/run-migrations', 'responseMs', SECOND],
  ]),
  ...promisedOn('docs/sagas.md', [
    ['holds a lease of # s on it', 'saga/saga-lease', 'LEASE_MS', SECOND],
    ['Return little: up to # levels', 'saga/json', 'MAX_LEVELS'],
    ['| a compensation | # times in a row', 'saga/state-machine', 'MAX_UNENDED_UNDOS'],
    ['has been there for # minutes', 'saga/journal', 'UNCLAIMED_MS', 60 * SECOND],
  ]),
];
