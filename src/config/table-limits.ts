// The settings that limit work: threads, requests, connections, bytes and time.
import { defaultMaxConnections, MOST_CONNECTIONS } from './connection-limit.js';
import { optional, type Table, withDefault } from './setting.js';
import { oneOf, onOff, rate, whole } from './setting-kinds.js';

const MS = { unit: 'ms' };
const BYTES = { unit: 'bytes' };
const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;

export const LIMIT_SETTINGS = {
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
    '`on`: requests are also refused below `MAX_IN_FLIGHT`, when work queues in the event loop of a worker, and when ' +
      'one of several used routes holds seven eighths of it.',
  ),
  MAX_CONNECTIONS: withDefault(
    whole(1, MOST_CONNECTIONS),
    defaultMaxConnections,
    'Open connections of the whole process; one more is closed as soon as it is accepted, before TLS and before ' +
      'anything is read, or on the core `node` takes the place of the oldest without a whole header. The remaining open files are for databases, calls and files: a value above the open-file ' +
      'limit - 128 - 16 x `WORKERS` is refused (exit 78). Connections of gRPC count too, and each gRPC worker beyond the ' +
      'first takes 16 files more.',
    {
      defaultText:
        'the smaller of 9/10 of the open-file limit and that limit - 128 - 16 x `WORKERS`; under 64 the start is refused',
    },
  ),
  MAX_PENDING_BODIES: withDefault(
    whole(1, 1_000_000),
    10_000,
    'Requests of the whole process whose body has not arrived yet, at most half of them from one client address; one ' +
      'more is refused with 503 `OVERLOADED`. Where the handler runs after the body has arrived, such requests hold no ' +
      'permit of `MAX_IN_FLIGHT` while they wait.',
  ),
  MAX_BUFFERED_BODY_BYTES: withDefault(
    whole(64 * 1024, 1024 * MIB),
    (machine) => Math.min(1024 * MIB, Math.max(16 * MIB, Math.floor(machine.memoryBytes / 4))),
    'Bytes that the whole process holds of request bodies, of buffered responses over 64 KiB (by gRPC over 4 KiB) that clients have not ' +
      'read yet, and of responses over 16 KiB that arrive for calls over HTTP; at most half of them for one client ' +
      'address, and for all calls together. A body or response that needs more is refused with 503 `OVERLOADED`.',
    {
      ...BYTES,
      defaultText: 'a quarter of the memory of the machine or container, at least 16 MiB and at most 1 GiB',
    },
  ),
  MAX_STREAMS: withDefault(
    whole(1, 1_000_000),
    10_000,
    'Streaming responses of the whole process, including event streams and large files; one more is refused with 503 ' +
      '`OVERLOADED`. A response no longer counts for `MAX_IN_FLIGHT` when it begins to stream.',
  ),
  MAX_STREAMS_PER_ADDRESS: optional(
    whole(1, 1_000_000),
    'half of `MAX_STREAMS`',
    'Streaming responses for one client address (IPv6: its /64; behind `TRUSTED_PROXIES` the address of the client).',
  ),
  RATE_LIMIT: withDefault(
    rate,
    null,
    'Requests per client address (IPv6: its /64), counted once for all workers: in any interval of t seconds at most ' +
      'B + N*t (B: burst, default N); beyond, 429 `RATE_LIMITED`. Health and the admin plane are never limited.',
  ),
  RATE_LIMIT_SCOPE: withDefault(
    oneOf('process', 'cluster'),
    'process',
    'Over what `RATE_LIMIT` counts: the workers of this process, or all processes that share a postgres or etcd ' +
      '`REGISTRY`; without such a registry `cluster` is refused. A process that is started again has its share within ' +
      'about a second, with empty bursts; where the one before was killed in another container, or before the machine ' +
      'was started again, routes with such limits respond with 503 `STARTING` for up to 90 s. See ' +
      '[limits over processes](cluster-limits.md).',
  ),
  MAX_BODY_BYTES: withDefault(
    whole(0, 1024 * MIB),
    MIB,
    'Largest request body where a route has no `bodyLimit`, also of a mounted application; a larger one is 413. Each concurrent request may hold this much memory.',
    BYTES,
  ),
  MAX_HEADER_BYTES: withDefault(
    whole(256, MIB),
    16_384,
    'Largest request header; a larger one is 431.',
    BYTES,
  ),
  MAX_URL_BYTES: withDefault(whole(16, MIB), 8192, 'Longest request target; a longer one is 414.', BYTES),
  REQUEST_TIMEOUT_MS: withDefault(
    whole(1, HOUR_MS),
    30_000,
    'Longest time from the end of the request header to the first byte of the response; then 504.',
    MS,
  ),
  STREAM_IDLE_MS: withDefault(
    whole(1, HOUR_MS),
    60_000,
    'A stream is ended when the kernel passes none of it on for this long (it asks for more when a third of its send buffer is free), and a streamed body of a call when no byte of it moves.',
    MS,
  ),
  CHUNKED_BODIES: withDefault(
    oneOf('accept', 'reject'),
    'accept',
    'Request bodies without a length. `accept`: they are read, and the connection is closed after the response. ' +
      '`reject`: 411.',
  ),
} satisfies Table;
