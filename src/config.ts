// The settings a process runs with: the contract. `config/` reads, checks and documents them (table.ts is the
// one place where a setting is declared); nobody else reads `process.env`.

import type { Rate } from './rate.js';

/** What a configuration file may say for a setting whose value is a `V`. */
type Written<V> = [NonNullable<V>] extends [boolean]
  ? boolean | 'on' | 'off'
  : [NonNullable<V>] extends [number]
    ? number | `${number}`
    : [NonNullable<V>] extends [string]
      ? NonNullable<V>
      : [NonNullable<V>] extends [readonly string[]]
        ? readonly string[] | string
        : string | false;

/** Not of the file, or by other names there. */
type NotWritten = 'services' | 'serviceDatabaseUrls' | 'otel' | 'configFile' | 'pmId' | 'notify';

/** The settings of CONTRACT section 2 in camelCase, as a configuration module writes them. */
export type WrittenSettings = {
  readonly [K in Exclude<keyof Settings, NotWritten>]?: Written<Settings[K]> | null | undefined;
} & { readonly registry?: 'local' | null | undefined } & {
  /** `<SERVICE>_DATABASE_URL`. */
  readonly [K in `${string}DatabaseUrl`]?: string | null | undefined;
} & {
  /** `OTEL_*`, by the specification. */
  readonly [K in `otel${string}`]?: unknown;
};

/** Plain data, so workers get it by structured clone. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  /** Absolute; set together with the key, or neither: plain HTTP. */
  readonly tlsCertFile: string | undefined;
  /** Absolute. */
  readonly tlsKeyFile: string | undefined;
  readonly adminHost: string;
  readonly adminPort: number;
  readonly adminToken: string | undefined;
  readonly adminAllowedHosts: readonly string[];
  readonly workers: number;
  readonly sharding: 'acceptor' | 'reuseport';
  /** Names of the services to mount; undefined: all that the configuration declares. */
  readonly services: readonly string[] | undefined;
  /** undefined: embedded PostgreSQL. */
  readonly databaseUrl: string | undefined;
  /** From `<SERVICE>_DATABASE_URL`, by service name. */
  readonly serviceDatabaseUrls: Readonly<Record<string, string>>;
  /** undefined: the default formula of CONTRACT section 2. */
  readonly databasePoolMax: number | undefined;
  readonly databaseStatementTimeoutMs: number;
  readonly databasePrepare: boolean;
  /** Absolute. */
  readonly dataDir: string;
  /** Address ranges in CIDR notation, each with its prefix length. */
  readonly registryAllow: readonly string[];
  /** Absolute. */
  readonly registryAcceptTokensFile: string | undefined;
  readonly advertiseHost: string | undefined;
  readonly meshToken: string | undefined;
  readonly cpuThreads: number;
  readonly maxInFlight: number;
  /** False: MAX_IN_FLIGHT alone bounds the requests in flight. */
  readonly adaptiveLimit: boolean;
  /** Of the whole process. */
  readonly maxConnections: number;
  /** Requests whose body is on its way, of the whole process. */
  readonly maxPendingBodies: number;
  /** Of the whole process. */
  readonly maxBufferedBodyBytes: number;
  /** Responses that stream, of the whole process. */
  readonly maxStreams: number;
  /** undefined: half of `maxStreams`. */
  readonly maxStreamsPerAddress: number | undefined;
  /** Per client address; null: none. */
  readonly rateLimit: Rate | null;
  readonly maxBodyBytes: number;
  readonly maxHeaderBytes: number;
  readonly maxUrlBytes: number;
  readonly requestTimeoutMs: number;
  readonly streamIdleMs: number;
  readonly chunkedBodies: 'accept' | 'reject';
  /** Address ranges in CIDR notation, each with its prefix length. */
  readonly trustedProxies: readonly string[];
  /** The field that those proxies write. */
  readonly trustedProxyField: 'x-forwarded-for' | 'forwarded';
  readonly breakerOpenMs: number;
  /** 0: no call is too slow. */
  readonly slowCallMs: number;
  /** Of the first ejection; 0: none. */
  readonly ejectionMs: number;
  /** Milliseconds after which a loop that does not turn is stalled. */
  readonly stallMs: number;
  /** 0: no limit. */
  readonly workerHeapMb: number;
  readonly unhandledRejection: 'log' | 'replace' | 'exit';
  readonly drainMs: number;
  readonly drainNoticeMs: number;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  readonly logFormat: 'json' | 'pretty';
  /** OTEL_*, read by the specification. */
  readonly otel: {
    readonly disabled: boolean;
    readonly serviceName: string;
    /** Full address that traces are posted to, signal path included; undefined: no export. */
    readonly endpoint: string | undefined;
    readonly headers: Readonly<Record<string, string>>;
    readonly sampler: string;
    /** Share of traces that is sampled, 0 to 1, where the sampler takes one. */
    readonly samplerArg: number;
    readonly resourceAttributes: Readonly<Record<string, string>>;
  };
  readonly receiveTraceFlags: 'trusted' | 'all' | 'none';
  /** Absolute path of the configuration module that declares the services; undefined: the reference shop. */
  readonly configFile: string | undefined;
  /** Slot of the process under pm2 (`pm_id`), null elsewhere: a successor in the same slot may take over. */
  readonly pmId: string | null;
  /** Where systemd wants to be told (NOTIFY_SOCKET), and how often that we live; null when it does not. */
  readonly notify: { readonly socket: string; readonly watchdogMs: number | undefined } | null;
}
