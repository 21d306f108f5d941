// What all requests of an App share.

import type { Logger } from 'pino';
import type { AddressRanges } from '../address-ranges.js';
import type { SecretPaths } from '../redaction/secret-paths.js';
import type { RequestIds } from '../telemetry/request-ids.js';
import type { Tracing } from '../telemetry/span.js';
import type { ProxyField } from './client-address.js';
import type { EnteredStores } from './entered-stores.js';
import type { Exchange } from './exchange.js';
import type { LiveRequests } from './live-requests.js';
import type { LostBodies } from './lost-bodies.js';
import type { RequestLog } from './request-log.js';
import type { RequestQuotas } from './request-observer.js';
import type { FileLooks } from './response/file-looks.js';
import type { RoutePlan } from './routing/route-plan.js';
import type { ServiceCode } from './service-code.js';
import type { TimerWheel } from './timer-wheel.js';
import type { TurnEnd } from './turn-end.js';

export interface ServerContext {
  readonly log: Logger;
  readonly tracing: Tracing;
  readonly requestLog: RequestLog;
  readonly secretPaths: SecretPaths;
  readonly wheel: TimerWheel;
  readonly turnEnd: TurnEnd;
  readonly serviceCode: ServiceCode;
  readonly enteredStores: EnteredStores;
  /** Bounds of what requests hold of the process. */
  readonly quotas: RequestQuotas;
  readonly ids: RequestIds;
  readonly requests: LiveRequests;
  readonly lostBodies: Pick<LostBodies, 'report'>;
  readonly scheme: 'http' | 'https';
  /** What `ctx.file` knows of files. */
  readonly files: FileLooks;
  /** The addresses of TRUSTED_PROXIES. */
  readonly proxies: AddressRanges;
  /** The setting TRUSTED_PROXY_FIELD. */
  readonly proxyField: ProxyField;
  /**
   * Routes for which a warning was logged: a hook has not returned the response that it has made, or a
   * mounted function has returned a value in place of responding.
   */
  readonly warnedRoutes: WeakSet<RoutePlan>;
  /** Counts a request that the server has rejected. @param reason in lower case, from a fixed list */
  refused(reason: string): void;
  /** True from the first moment of a drain. Every response then closes its connection. */
  draining(): boolean;
  /** Whether the sampled flag of this peer counts (RECEIVE_TRACE_FLAGS). */
  trustsTraceFlags(exchange: Exchange): boolean;
}
