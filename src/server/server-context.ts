// What all requests of an App share, as the App gives it to them.

import type { Logger } from 'pino';
import type { AddressRanges } from '../address-ranges.js';
import type { RequestIds } from '../telemetry/request-ids.js';
import type { Tracing } from '../telemetry/span.js';
import type { ProxyField } from './client-address.js';
import type { Exchange } from './exchange.js';
import type { LiveRequests } from './live-requests.js';
import type { RequestQuotas } from './request-observer.js';
import type { RoutePlan } from './routing/route-plan.js';
import type { ServiceCode } from './service-code.js';
import type { TimerWheel } from './timer-wheel.js';
import type { TurnEnd } from './turn-end.js';

export interface ServerContext {
  readonly log: Logger;
  readonly tracing: Tracing;
  readonly wheel: TimerWheel;
  readonly turnEnd: TurnEnd;
  readonly serviceCode: ServiceCode;
  /** What requests may hold of the process. */
  readonly quotas: RequestQuotas;
  readonly ids: RequestIds;
  readonly requests: LiveRequests;
  readonly scheme: 'http' | 'https';
  /** What the roots of files are relative to. */
  readonly baseDir: string;
  /** TRUSTED_PROXIES */
  readonly proxies: AddressRanges;
  /** TRUSTED_PROXY_FIELD */
  readonly proxyField: ProxyField;
  /** Routes of which the log says that a hook has responded and let the handler run. */
  readonly unreturnedResponses: WeakSet<RoutePlan>;
  /** Counts what the edge turned away. @param reason in lower case, from a list that does not grow */
  refused(reason: string): void;
  /** True from the first moment of a drain: every answer then closes its connection. */
  draining(): boolean;
  /** Whether this peer's sampled flag is obeyed (RECEIVE_TRACE_FLAGS). */
  trustsTraceFlags(exchange: Exchange): boolean;
}
