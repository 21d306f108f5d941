// Every setting, once: from this table come the reader, `--help`, `--check` and docs/settings.md. Those of
// OpenTelemetry are in table-otel.ts.

import { LOOPBACK_AND_PRIVATE } from '../address-ranges.js';
import { isServiceName } from '../service-name.js';
import { defaultMaxConnections, MOST_CONNECTIONS } from './connection-limit.js';
import { defaultWorkerHeapMb } from './heap-limit.js';
import { defaultWorkers } from './machine-facts.js';
import { cidrs, host, hosts, postgresUrl } from './network-kinds.js';
import { optional, type Table, withDefault } from './setting.js';
import { listOf, longToken, oneOf, onOff, path, rate, token, whole } from './setting-kinds.js';
import { OTEL_SETTINGS } from './table-otel.js';

const MS = { unit: 'ms' };
const BYTES = { unit: 'bytes' };

const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;

const serviceNames = listOf('service names', (name) => (isServiceName(name) ? name : undefined));

export const PROCESS_SETTINGS = {
  HOST: withDefault(host, '0.0.0.0', 'Address of the data plane (HTTP/1.1).'),
  PORT: withDefault(whole(0, 65535), 8080, 'Port of the data plane; 0 takes any free one.'),
  TLS_CERT_FILE: optional(
    path,
    'plain HTTP',
    'PEM file of the certificate the data plane is served with over TLS, followed by those between it and its root. ' +
      'Read when a worker starts: a reload takes a renewed one.',
  ),
  TLS_KEY_FILE: optional(
    path,
    'plain HTTP',
    'PEM file of the private key of that certificate, not encrypted.',
  ),
  ADMIN_HOST: withDefault(
    host,
    '127.0.0.1',
    'Address of the admin plane. One that is not loopback needs an `ADMIN_TOKEN` of at least 32 characters.',
  ),
  ADMIN_PORT: withDefault(whole(0, 65535), 9901, 'Port of the admin plane; 0 takes any free one.'),
  ADMIN_TOKEN: optional(token, 'none', 'Bearer token that the admin plane asks for.'),
  ADMIN_ALLOWED_HOSTS: withDefault(
    hosts,
    [],
    'What the `Host` field of a request to the admin plane may say besides the bound address and `localhost`.',
  ),
  WORKERS: withDefault(
    whole(1, 256),
    (machine) => defaultWorkers(machine.parallelism),
    'HTTP worker threads.',
    {
      defaultText: 'available parallelism, at most the CPU quota of the container, rounded up',
    },
  ),
  SHARDING: withDefault(
    oneOf('acceptor', 'reuseport'),
    'acceptor',
    'How connections reach workers: the primary accepts and hands sockets to them, or (Linux) each worker listens ' +
      'itself and the kernel spreads, which is cheaper for short connections and blind to how workers are.',
  ),
  SERVICES: optional(serviceNames, 'all', 'The services this process mounts.'),
  DATABASE_URL: optional(
    postgresUrl,
    'embedded',
    'PostgreSQL server. Each service uses a database of its own name there, created if missing through the ' +
      "database in the URL's path. Without it an embedded server runs in `DATA_DIR`.",
  ),
  DATABASE_POOL_MAX: optional(
    whole(1, 10_000),
    '2 x `WORKERS` x databases, at most the max_connections of the server - 10',
    'Connections of the whole process to all databases. It must be at least the number of databases plus the number of ' +
      'services with sagas, whose journal the primary reads by a connection of its own. With fewer than one for each of ' +
      'these services in each worker, sagas may lose their leases under load.',
  ),
  DATABASE_STATEMENT_TIMEOUT_MS: withDefault(
    whole(1, HOUR_MS),
    5000,
    'Longest statement outside of a transaction.',
    MS,
  ),
  DATABASE_PREPARE: withDefault(
    onOff,
    true,
    'Named prepared statements, read-only sessions and a time limit on the server; `off` behind poolers that do not ' +
      'keep a session. With `off` a statement that exceeds its limit is cancelled from here, 2 s later, and a read ' +
      'whose connection is lost is not repeated.',
  ),
  DATA_DIR: withDefault(
    path,
    './data',
    'Folder of the embedded PostgreSQL and of the lock that keeps a second process out.',
  ),
  REGISTRY: withDefault(
    oneOf('local'),
    'local',
    'Where instances of services are registered: in this process.',
  ),
  REGISTRY_ALLOW: withDefault(
    cidrs,
    LOOPBACK_AND_PRIVATE,
    'Addresses that instances may register with. Every one more is a place this process can be made to call.',
    { defaultText: 'loopback and private ranges' },
  ),
  REGISTRY_ACCEPT_TOKENS_FILE: optional(
    path,
    'none',
    'File of lines `token service,service…`: who may register instances, and of which services. Tokens have at ' +
      'least 32 characters.',
  ),
  ADVERTISE_HOST: optional(
    host,
    '`HOST` when it is one address, else 127.0.0.1',
    'Address that others reach the data plane by. The data plane must be bound to it.',
  ),
  MESH_TOKEN: optional(
    longToken,
    'none',
    'Shared secret of cooperating processes: with it, `internal` routes can be reached over the network. Calls ' +
      'carry a value made from it for the called service, never the secret itself.',
  ),
  CPU_THREADS: withDefault(
    whole(1, 256),
    (machine) => Math.min(256, Math.max(1, machine.parallelism - 1)),
    'Threads of the one CPU pool.',
    { defaultText: 'available parallelism - 1, at least 1' },
  ),
  MAX_IN_FLIGHT: withDefault(
    whole(1, 1_000_000),
    10_000,
    'Concurrent requests of the whole process; one more is refused with 503 `OVERLOADED`.',
  ),
  ADAPTIVE_LIMIT: withDefault(
    onOff,
    true,
    'Requests are also refused below `MAX_IN_FLIGHT`: where work queues in the event loop of a worker, and where one ' +
      'route of several that are in use holds seven eighths of it; `off`: they are not.',
  ),
  MAX_CONNECTIONS: withDefault(
    whole(1, MOST_CONNECTIONS),
    defaultMaxConnections,
    'Open connections of the whole data plane; one more is closed as soon as it is accepted, before TLS and before ' +
      'it is read. What is left of the open files is for databases, calls and files: more than that limit - 128 - 16 ' +
      'x `WORKERS` are refused (exit 78).',
    {
      defaultText:
        'the smaller of 9/10 of the open-file limit and that limit - 128 - 16 x `WORKERS`; under 64 the start is refused',
    },
  ),
  MAX_PENDING_BODIES: withDefault(
    whole(1, 1_000_000),
    10_000,
    'Requests of the whole process whose body has not arrived yet, at most half of them from one client address; one ' +
      'more is refused with 503 `OVERLOADED`. Where the handler runs behind the body, they hold no permit of ' +
      '`MAX_IN_FLIGHT` while they wait.',
  ),
  MAX_BUFFERED_BODY_BYTES: withDefault(
    whole(64 * 1024, 1024 * MIB),
    (machine) => Math.min(1024 * MIB, Math.max(16 * MIB, Math.floor(machine.memoryBytes / 4))),
    'Bytes of request bodies, and of whole responses over 64 KiB that their clients have not read yet, that the whole ' +
      'process holds, at most half of them of one client address; a body or response that needs more is ' +
      'refused with 503 `OVERLOADED`.',
    {
      ...BYTES,
      defaultText: 'a quarter of the memory of the machine or container, at least 16 MiB and at most 1 GiB',
    },
  ),
  MAX_STREAMS: withDefault(
    whole(1, 1_000_000),
    10_000,
    'Responses of the whole process that stream, event streams and large files included; one more is refused with 503 ' +
      '`OVERLOADED`. A response leaves `MAX_IN_FLIGHT` when it begins to stream.',
  ),
  MAX_STREAMS_PER_ADDRESS: optional(
    whole(1, 1_000_000),
    'half of `MAX_STREAMS`',
    'The same for one client address (IPv6: its /64; behind `TRUSTED_PROXIES` the address of the client).',
  ),
  RATE_LIMIT: withDefault(
    rate,
    null,
    'Requests per client address (IPv6: its /64), counted once for all workers: in any interval of t seconds at most ' +
      'B + N*t (B: burst, default N); beyond, 429 `RATE_LIMITED`. Health and the admin plane are never limited.',
  ),
  MAX_BODY_BYTES: withDefault(
    whole(0, 1024 * MIB),
    MIB,
    'Largest buffered request body; 413 beyond. Each request in flight may hold that much memory.',
    BYTES,
  ),
  MAX_HEADER_BYTES: withDefault(whole(256, MIB), 16_384, 'Largest request header; 431 beyond.', BYTES),
  MAX_URL_BYTES: withDefault(whole(16, MIB), 8192, 'Longest request target; 414 beyond.', BYTES),
  REQUEST_TIMEOUT_MS: withDefault(
    whole(1, HOUR_MS),
    30_000,
    'Time from the end of the request header to the first byte of the answer; then 504.',
    MS,
  ),
  STREAM_IDLE_MS: withDefault(
    whole(1, HOUR_MS),
    60_000,
    'A peer that takes no byte of a stream for this long is cut off.',
    MS,
  ),
  CHUNKED_BODIES: withDefault(
    oneOf('accept', 'reject'),
    'accept',
    'Request bodies without a length: read, and the connection closed behind the answer; or 411.',
  ),
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

export const SETTINGS: Table = { ...PROCESS_SETTINGS, ...OTEL_SETTINGS };

export const PER_SERVICE = '<SERVICE>_DATABASE_URL';

/** `orders` has `ORDERS_DATABASE_URL`, and so on for every service that is declared. */
export const databaseUrlOf = (service: string): string =>
  `${service.toUpperCase().replaceAll('-', '_')}_DATABASE_URL`;

export const SERVICE_DATABASE_URL = optional(
  postgresUrl,
  'from `DATABASE_URL`',
  'PostgreSQL server of one service, named in upper case with `_` for `-`.',
);
