// The settings that a process runs with. The module config reads, checks and documents them; config/table.ts
// declares them. No other module reads `process.env`.

import type { OpenApiOptions } from './openapi-options.js';
import type { Rate, RateText } from './rate.js';
import type { Upstreams } from './upstream-options.js';

/** The types that a configuration file may use for a setting whose value is a `V`. */
type FileValue<V> = [NonNullable<V>] extends [boolean]
  ? boolean | 'on' | 'off'
  : [NonNullable<V>] extends [number]
    ? number | `${number}`
    : [NonNullable<V>] extends [string]
      ? Exclude<NonNullable<V>, OwnValue>
      : [NonNullable<V>] extends [readonly string[]]
        ? readonly string[] | string
        : string | false;

/** The settings that a configuration file may also write in other types than that of their value. */
interface OtherFileValues {
  readonly requestLog: FileValue<boolean>;
  readonly healthPath: false;
  readonly readyPath: false;
  readonly httpCore: 'auto';
}

/** Values that the process decides on by itself. */
type OwnValue = 'single';

type OtherFileValue<K extends keyof Settings> = K extends keyof OtherFileValues ? OtherFileValues[K] : never;

/** Settings that a configuration file cannot set, or sets under other names. */
type NotInFile =
  | 'services'
  | 'serviceDatabaseUrls'
  | 'rateLimit'
  | 'gateway'
  | 'gatewayPolicies'
  | 'otel'
  | 'upstreams'
  | 'zone'
  | 'openapi'
  | 'configFile'
  | 'httpCoreWritten'
  | 'pmId'
  | 'notify';

/** Where and how one signal is exported by OTLP. */
export interface OtlpExportSettings {
  /** Full URL, signal path included. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocol: 'http/json' | 'http/protobuf';
}

/** The settings of docs/settings.md in camelCase, as a configuration file writes them. */
export type WrittenSettings = {
  readonly [K in Exclude<keyof Settings, NotInFile>]?:
    | FileValue<Settings[K]>
    | OtherFileValue<K>
    | null
    | undefined;
} & {
  /**
   * A limit per client address over all workers.
   * @default 'off'
   * @example '100/second;burst=200'
   */
  readonly rateLimit?: RateText | 'off' | false | null | undefined;
  /**
   * The services that are reachable under `/svc/`: their names, or an object of policies by name.
   * @default 'off'
   * @example { orders: { timeoutMs: 5000, rateLimit: '100/second' }, inventory: {} }
   */
  readonly gateway?:
    | string
    | readonly string[]
    | Readonly<Record<string, GatewayPolicy>>
    | false
    | null
    | undefined;
} & {
  /** `<SERVICE>_DATABASE_URL`: the PostgreSQL server of one service. */
  readonly [K in `${string}DatabaseUrl`]?: string | null | undefined;
} & {
  /** `OTEL_*`, as the OpenTelemetry specification defines them. */
  readonly [K in `otel${string}`]?: unknown;
};

/** How the gateway treats the requests to one service. */
export interface GatewayPolicy {
  /**
   * A limit `N/second` or `N/minute`, optionally with `;burst=B`, per client address and beside the setting
   * RATE_LIMIT; `off` removes both.
   * @default only RATE_LIMIT
   */
  readonly rateLimit?: RateText | 'off';
  /**
   * Milliseconds from the end of the request's header to the head of the response; then the client gets 504.
   * @default the setting REQUEST_TIMEOUT_MS
   */
  readonly timeoutMs?: number;
  /**
   * The number of attempts beyond the first, from 0 to 10, for requests that may be repeated.
   * @default 2
   */
  readonly retries?: number;
  /** Largest body of a request in bytes. @default no limit: bodies are streamed */
  readonly bodyLimit?: number;
  /** Largest message of a WebSocket in bytes, in either direction. @default 1048576 */
  readonly maxMessageBytes?: number;
}

/**
 * Settings are plain data: workers receive them by structured clone. Paths of files and folders are absolute.
 */
export interface Settings {
  readonly host: string;
  readonly port: number;
  /** The certificate and its key are either both set or both undefined; undefined: plain HTTP. */
  readonly tlsCertFile: string | undefined;
  readonly tlsKeyFile: string | undefined;
  readonly adminHost: string;
  readonly adminPort: number;
  readonly adminToken: string | undefined;
  readonly adminAllowedHosts: readonly string[];
  /** Path of the route that says whether a worker is alive; null: no such route. */
  readonly healthPath: string | null;
  /** Path of the route that says whether the process may get traffic; null: no such route. */
  readonly readyPath: string | null;
  readonly workers: number;
  /** The core that runs: `auto` is resolved when the settings are loaded. */
  readonly httpCore: 'uws' | 'node';
  /** `single`: one worker, whose threads hand its port over; for the core on `node:http` on some systems. */
  readonly sharding: 'acceptor' | 'reuseport' | 'single';
  /** undefined: that of the data plane. */
  readonly grpcHost: string | undefined;
  /** 0: any free port for each gRPC worker; else the port of the first one. */
  readonly grpcPort: number;
  readonly grpcWorkers: number;
  readonly grpcReflection: 'off' | 'on';
  /** The certificate and its key are either both set or both undefined; undefined: plain text. */
  readonly grpcTlsCertFile: string | undefined;
  readonly grpcTlsKeyFile: string | undefined;
  /** Only with a certificate. undefined: clients need no certificate. */
  readonly grpcTlsClientCaFile: string | undefined;
  /** Names of the services to mount; undefined: all declared services. */
  readonly services: readonly string[] | undefined;
  /** undefined: an embedded PostgreSQL is started. */
  readonly databaseUrl: string | undefined;
  /** The values of `<SERVICE>_DATABASE_URL` by service name. */
  readonly serviceDatabaseUrls: Readonly<Record<string, string>>;
  /** Connections of the whole process; undefined: the default formula of docs/settings.md. */
  readonly databasePoolMax: number | undefined;
  readonly databaseStatementTimeoutMs: number;
  readonly databasePrepare: boolean;
  readonly dataDir: string;
  /** `local`, or the URL of a registry that several processes share. */
  readonly registry: string;
  readonly registryToken: string | undefined;
  /** Address ranges in CIDR notation, each with its prefix length. */
  readonly registryAllow: readonly string[];
  readonly registryAcceptTokensFile: string | undefined;
  readonly advertiseHost: string | undefined;
  readonly meshToken: string | undefined;
  /** Services that are reachable under `/svc/`. */
  readonly gateway: readonly string[];
  /** The policies of the configuration file, by service; others have the defaults. */
  readonly gatewayPolicies: Readonly<Record<string, GatewayPolicy>>;
  readonly cpuThreads: number;
  readonly maxInFlight: number;
  /** False: only MAX_IN_FLIGHT limits the concurrent requests. */
  readonly adaptiveLimit: boolean;
  /** Open connections of the whole process. */
  readonly maxConnections: number;
  /** Requests of the whole process whose body has not arrived completely. */
  readonly maxPendingBodies: number;
  /** Bytes of bodies that the whole process holds in memory. */
  readonly maxBufferedBodyBytes: number;
  /** Streaming responses of the whole process. */
  readonly maxStreams: number;
  /** undefined: half of `maxStreams`. */
  readonly maxStreamsPerAddress: number | undefined;
  /** Limit per client address; null: no limit. */
  readonly rateLimit: Rate | null;
  /** Whether the limit counts over this process, or over all that share its registry. */
  readonly rateLimitScope: 'process' | 'cluster';
  readonly maxBodyBytes: number;
  readonly maxHeaderBytes: number;
  readonly maxUrlBytes: number;
  readonly requestTimeoutMs: number;
  readonly streamIdleMs: number;
  readonly chunkedBodies: 'accept' | 'reject';
  /** Address ranges in CIDR notation, each with its prefix length. */
  readonly trustedProxies: readonly string[];
  /** The header field in which trusted proxies report the client. */
  readonly trustedProxyField: 'x-forwarded-for' | 'forwarded';
  readonly breakerOpenMs: number;
  /** Duration from which a call counts as failed; 0: no call is too slow. */
  readonly slowCallMs: number;
  /** Duration of an instance's first ejection; 0: instances are not ejected. */
  readonly ejectionMs: number;
  /** A worker is stalled when its event loop is blocked for this many milliseconds. */
  readonly stallMs: number;
  /** MiB of heap above which a worker is replaced; 0: no limit. */
  readonly workerHeapMb: number;
  readonly unhandledRejection: 'log' | 'replace' | 'exit';
  readonly drainMs: number;
  readonly drainNoticeMs: number;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  readonly logFormat: 'json' | 'pretty';
  /** Share of requests that are logged, 0 to 1. */
  readonly requestLog: number;
  /** A request whose response begins later than this is logged with its phases; 0: none is. */
  readonly slowRequestMs: number;
  /** The `OTEL_*` settings, read as the OpenTelemetry specification defines them. */
  readonly otel: {
    readonly disabled: boolean;
    readonly serviceName: string;
    /** Full URL that traces are posted to, signal path included; undefined: no export. */
    readonly endpoint: string | undefined;
    readonly headers: Readonly<Record<string, string>>;
    readonly sampler: string;
    /** Share of the traces that a ratio sampler keeps, 0 to 1. */
    readonly samplerArg: number;
    readonly resourceAttributes: Readonly<Record<string, string>>;
    /** How spans are written. Absent: `http/json`. */
    readonly protocol?: OtlpExportSettings['protocol'];
    /** Absent: metrics are not exported. */
    readonly metrics?: OtlpExportSettings & { readonly intervalMs: number };
    /** Absent: log lines are not exported. */
    readonly logs?: OtlpExportSettings;
  };
  /** The member `upstreams` of the configuration file: how called services are balanced. */
  readonly upstreams: Upstreams;
  /** The member `zone` of the configuration file; null: none. */
  readonly zone: string | null;
  /** The member `openapi` of the configuration file; false: no document is served. */
  readonly openapi: OpenApiOptions | false;
  readonly receiveTraceFlags: 'trusted' | 'all' | 'none';
  /** The configuration file that declares the services; undefined: the reference shop is mounted. */
  readonly configFile: string | undefined;
  /** Where HTTP_CORE was written, e.g. `MULTILANE_HTTP_CORE`, for messages; undefined: nowhere. */
  readonly httpCoreWritten?: string | undefined;
  /** Slot of the process under pm2 (`pm_id`), else null. A successor in the same slot may take over. */
  readonly pmId: string | null;
  /**
   * Socket for notifications to systemd (NOTIFY_SOCKET), and the interval within which its watchdog expects
   * one; null: systemd expects no notifications.
   */
  readonly notify: { readonly socket: string; readonly watchdogMs: number | undefined } | null;
}
