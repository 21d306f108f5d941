// The settings of trust, of failing instances, of stalled and ending workers, and of logs.
import { defaultWorkerHeapMb } from './heap-limit.js';
import { cidrs } from './network-kinds.js';
import { type Table, withDefault } from './setting.js';
import { oneOf, share, whole } from './setting-kinds.js';

const MS = { unit: 'ms' };
const HOUR_MS = 3_600_000;

export const OPERATION_SETTINGS = {
  TRUSTED_PROXIES: withDefault(
    cidrs,
    [],
    'Proxies whose `TRUSTED_PROXY_FIELD` and `x-request-deadline` are used; those of other senders are ignored. ' +
      'A proxy must set or remove these fields itself.',
  ),
  TRUSTED_PROXY_FIELD: withDefault(
    oneOf('x-forwarded-for', 'forwarded'),
    'x-forwarded-for',
    'Field in which these proxies report their clients: `X-Forwarded-For` with the other `X-Forwarded-*`, or ' +
      '`Forwarded` (RFC 7239). The other one is dropped.',
  ),
  BREAKER_OPEN_MS: withDefault(
    whole(100, HOUR_MS),
    5000,
    'Time that a breaker refuses calls to an instance before it admits probes.',
    MS,
  ),
  SLOW_CALL_MS: withDefault(
    whole(0, HOUR_MS),
    10_000,
    'A call to another service that takes this long counts as failed for the breaker, whatever its response; when ' +
      'probes have no outcome this long after the last of them, the breaker opens again. 0: only errors count.',
    MS,
  ),
  EJECTION_MS: withDefault(
    whole(0, HOUR_MS),
    30_000,
    'Time that an instance is not picked after five failures in a row: this long the first time, twice as long the ' +
      'second time, and so on up to ten times; 0: instances are not ejected.',
    MS,
  ),
  STALL_MS: withDefault(
    whole(100, HOUR_MS),
    1000,
    'A worker whose event loop is blocked for this long is stalled: its running handler is interrupted with 500 ' +
      '`HANDLER_STALLED`, and the worker is replaced. This is off while a debugger can attach (`--inspect`).',
    MS,
  ),
  WORKER_HEAP_MB: withDefault(
    whole(0, 1_048_576),
    defaultWorkerHeapMb,
    'A worker that retains more heap than this after a full garbage collection is replaced gracefully, and no request ' +
      "is lost; 0: off. The effective value is at most 65 % of V8's limit for old objects, which `--max-old-space-size` " +
      'sets.',
    {
      unit: 'MiB',
      defaultText:
        "half of V8's limit for old objects, at most half of the memory / (`WORKERS` + `GRPC_WORKERS`, where these run) (or 96) and 1024",
    },
  ),
  UNHANDLED_REJECTION: withDefault(
    oneOf('log', 'replace', 'exit'),
    'replace',
    'Reaction to an unhandled promise rejection in a worker: a log line, a new worker, or the end of the process (exit 70).',
  ),
  DRAIN_MS: withDefault(
    whole(0, HOUR_MS),
    10_000,
    'Longest drain of a worker that stops or is replaced. Idle connections stay open until its end, unless they reach ' +
      'the 8 to 12 s after which idle connections are always closed; requests that still run at its end get 504.',
    MS,
  ),
  DRAIN_NOTICE_MS: withDefault(
    whole(0, HOUR_MS),
    0,
    'Time at the beginning of a drain in which connections are still accepted while the process already reports that it ' +
      'is not ready, for balancers that poll.',
    MS,
  ),
  LOG_LEVEL: withDefault(
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
    'Least severe level of log lines that are written.',
  ),
  LOG_FORMAT: withDefault(
    oneOf('json', 'pretty'),
    (machine) => (machine.isTTY ? 'pretty' : 'json'),
    'One JSON object per line, or lines for people.',
    { defaultText: '`json`; `pretty` on a terminal' },
  ),
  REQUEST_LOG: withDefault(
    share,
    0,
    'Share of requests that get a log line, without the probes (`HEALTH_PATH`, `READY_PATH`): `off`, `on`, or a number ' +
      'from 0 to 1. `multilane dev` logs all. A line takes more CPU time than a small request.',
  ),
  SLOW_REQUEST_MS: withDefault(
    whole(0, HOUR_MS),
    0,
    'A request whose response begins later than this is logged with the time that each of its phases took; 0: off, and ' +
      'nothing is measured.',
    MS,
  ),
  RECEIVE_TRACE_FLAGS: withDefault(
    oneOf('trusted', 'all', 'none'),
    'trusted',
    'Senders whose sampled flag is followed; `trusted`: trusted proxies, registered instances, loopback.',
  ),
} satisfies Table;
