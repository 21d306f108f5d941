// Every setting of the process. (The table that reads, checks and documents them is being written here.)

/** The settings a process runs with; plain data, so workers get them by structured clone. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly adminHost: string;
  readonly adminPort: number;
  readonly adminToken: string | undefined;
  readonly adminAllowedHosts: readonly string[];
  readonly workers: number;
  readonly sharding: 'acceptor';
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
  readonly registryAllow: readonly string[];
  readonly registryAcceptTokensFile: string | undefined;
  readonly advertiseHost: string | undefined;
  readonly meshToken: string | undefined;
  readonly cpuThreads: number;
  readonly maxInFlight: number;
  readonly maxBodyBytes: number;
  readonly maxHeaderBytes: number;
  readonly maxUrlBytes: number;
  readonly requestTimeoutMs: number;
  readonly streamIdleMs: number;
  readonly chunkedBodies: 'accept' | 'reject';
  readonly trustedProxies: readonly string[];
  readonly drainMs: number;
  readonly drainNoticeMs: number;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  readonly logFormat: 'json' | 'pretty';
  /** OTEL_*, read by the specification. */
  readonly otel: {
    readonly disabled: boolean;
    readonly serviceName: string;
    readonly endpoint: string | undefined;
    readonly headers: Readonly<Record<string, string>>;
    readonly sampler: string;
    readonly samplerArg: number;
    readonly resourceAttributes: Readonly<Record<string, string>>;
  };
  readonly receiveTraceFlags: 'trusted' | 'all' | 'none';
  /** Absolute path of the configuration module, undefined when there is none (reference shop). */
  readonly configFile: string | undefined;
}
