// What an App and a mounted service are given.
import type { Logger } from 'pino';
import type { Settings } from '../config.js';
import type { ServedLoads } from '../memory/served-load.js';
import type { SecretPaths } from '../redaction/secret-paths.js';
import type { RequestIds } from '../telemetry/request-ids.js';
import type { Tracing } from '../telemetry/span.js';
import type { Exchange } from './exchange.js';
import type { SwitchedOffPage } from './kill-switch.js';
import type { RequestLogOptions } from './request-log.js';
import type { RequestGates, RequestObserver, RequestQuotas } from './request-observer.js';
import type { RateLimits } from './route-rate-limits.js';
import type { Ticker } from './timer-wheel.js';
import type { TopicBus } from './websocket/topics.js';

export interface AppOptions {
  readonly settings: Pick<
    Settings,
    | 'maxBodyBytes'
    | 'chunkedBodies'
    | 'requestTimeoutMs'
    | 'meshToken'
    | 'trustedProxies'
    | 'trustedProxyField'
    | 'configFile'
    | 'httpCoreWritten'
    | 'rateLimit'
    | 'rateLimitScope'
  > & {
    /** The security schemes that routes may name. Default: none. */
    readonly openapi?: Settings['openapi'];
  };
  /** The HTTP core in front of the App. Default: none, or one that is not known yet. */
  readonly httpCore?: 'uws' | 'node';
  readonly observer: RequestObserver;
  readonly gates: RequestGates;
  readonly quotas: RequestQuotas;
  readonly rateLimits: RateLimits;
  /** The routes that an operator has switched off. Default: no route ever is. */
  readonly switchedOff?: SwitchedOffPage;
  /**
   * Counts the requests of each service, for what it reports of its load to callers of the mesh. Default:
   * nothing is reported.
   */
  readonly loads?: Pick<ServedLoads, 'of'>;
  readonly tracing: Tracing;
  /** Makes the ids of requests. Default: with a random prefix. */
  readonly ids?: RequestIds;
  readonly log: Logger;
  /** Gets the routes, and masks the paths that logs and spans show. Default: one for this App. */
  readonly secretPaths?: SecretPaths;
  /** Which requests are logged. @default none */
  readonly requestLog?: RequestLogOptions;
  /** True from the first moment of a drain. */
  draining(): boolean;
  /**
   * Whether the sampled flag of this peer counts (RECEIVE_TRACE_FLAGS). It is not called for requests within
   * the process.
   */
  trustsTraceFlags(peer: Pick<Exchange, 'remoteAddress'>): boolean;
  /** How clients reach the App. @default 'http' */
  readonly scheme?: 'http' | 'https';
  /** Publishes to the other workers of the process. Default: there are none. */
  readonly bus?: TopicBus;
  /** The clock of deadlines. Default: the clock and timers of the thread. */
  readonly ticker?: Ticker;
  /** The clock that the time stamps of files are compared with, in milliseconds. Default: the wall clock. */
  readonly fileClock?: () => number;
}

export interface MountOptions {
  /**
   * False until the database of the service is migrated: its routes respond 503 STARTING. It is called until
   * it returns true. Default: the service is ready.
   */
  readonly isReady?: () => boolean;
  /**
   * Exempts the routes from MAX_IN_FLIGHT and RATE_LIMIT and from being switched off: for routes that report
   * the state of this worker. @default false
   */
  readonly unlimited?: boolean;
}
