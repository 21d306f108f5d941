// Settings of trust, of failures, of the end of workers, and of logs.
import { defaultWorkerHeapMb } from './heap-limit.js';
import { cidrs } from './network-kinds.js';
import { type Table, withDefault } from './setting.js';
import { oneOf, whole } from './setting-kinds.js';

const MS = { unit: 'ms' };
const HOUR_MS = 3_600_000;

export const OPERATION_SETTINGS = {
  TRUSTED_PROXIES: withDefault(
    cidrs,
    [],
    'Proxies whose `TRUSTED_PROXY_FIELD` and `x-request-deadline` are believed; those of anyone else are ignored. ' +
      'A proxy must set or remove these fields itself.',
  ),
  TRUSTED_PROXY_FIELD: withDefault(
    oneOf('x-forwarded-for', 'forwarded'),
    'x-forwarded-for',
    'What these proxies write about their clients: `X-Forwarded-For` beside its `X-Forwarded-*`, or ' +
      '`Forwarded` (RFC 7239). The other one is dropped.',
  ),
  BREAKER_OPEN_MS: withDefault(
    whole(100, HOUR_MS),
    5000,
    'How long a breaker refuses calls of an instance before it lets probes through.',
    MS,
  ),
  SLOW_CALL_MS: withDefault(
    whole(0, HOUR_MS),
    10_000,
    'A call of another service that takes this long counts as failed for the breaker, whatever its answer; ' +
      'probes that have no outcome so long after the last of them open it again. 0: only errors count.',
    MS,
  ),
  EJECTION_MS: withDefault(
    whole(0, HOUR_MS),
    30_000,
    'How long an instance that fails five times in a row is not picked: this long the first time, twice as long the second ' +
      'time, and so on up to ten times; 0: never.',
    MS,
  ),
  STALL_MS: withDefault(
    whole(100, HOUR_MS),
    1000,
    'A worker whose event loop does not turn for this long is stalled: what it runs is broken off with 500 ' +
      '`HANDLER_STALLED`, and the worker is replaced. Not while a debugger can attach (`--inspect`).',
    MS,
  ),
  WORKER_HEAP_MB: withDefault(
    whole(0, 1_048_576),
    defaultWorkerHeapMb,
    'A worker that retains more heap than this after a full garbage collection is replaced in order, and no request ' +
      "is lost; 0 is off. At most 65 % of V8's limit for old objects counts, which `--max-old-space-size` sets.",
    {
      unit: 'MiB',
      defaultText:
        "half of V8's limit for old objects, at most half of the memory / `WORKERS` (or 96) and 1024",
    },
  ),
  UNHANDLED_REJECTION: withDefault(
    oneOf('log', 'replace', 'exit'),
    'replace',
    'What a promise rejected in a worker and handled by nobody leads to: a log line, a new worker, or the end of the process (70).',
  ),
  DRAIN_MS: withDefault(
    whole(0, HOUR_MS),
    10_000,
    'Longest drain of a worker that stops or is replaced. Idle connections stay open until then, or for the 8 to 12 s ' +
      'after which they are closed at any time; what still runs then is answered 504.',
    MS,
  ),
  DRAIN_NOTICE_MS: withDefault(
    whole(0, HOUR_MS),
    0,
    'Time that connections are still accepted while already reporting not ready, for balancers that poll.',
    MS,
  ),
  LOG_LEVEL: withDefault(
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
    'Least important log lines that are written.',
  ),
  LOG_FORMAT: withDefault(
    oneOf('json', 'pretty'),
    (machine) => (machine.isTTY ? 'pretty' : 'json'),
    'One JSON object a line, or lines for people.',
    { defaultText: '`json`; `pretty` on a terminal' },
  ),
  RECEIVE_TRACE_FLAGS: withDefault(
    oneOf('trusted', 'all', 'none'),
    'trusted',
    'Whose sampled flag is followed; `trusted`: proxies, registered instances, loopback.',
  ),
} satisfies Table;
