// The JSON of the admin plane that the dashboard reads, as types of what makes it (docs/admin-json.md). The
// dashboard imports types from this file alone, and nothing else imports it.
import type { ShownSetting } from '../config/print.js';
import type { SagaView } from '../saga/saga.js';
import type { SagaListItem } from '../saga/saga-view.js';
import type { RecentRequest } from '../telemetry/recent-requests.js';
import type { LimitsJson } from './limits-route.js';
import type { InstanceJson } from './registry-routes.js';
import type { SwitchesJson } from './switch-routes.js';
import type { WorkerView } from './telemetry-routes.js';
import type { SpanView, TraceSummary } from './trace-routes.js';
import type { breakerView } from './views/breaker-list.js';
import type { callsGraph } from './views/calls-graph.js';
import type { cpuView } from './views/cpu-view.js';
import type { overviewOf } from './views/overview.js';
import type { RouteItem, routeHistogram } from './views/route-list.js';
import type { ServiceItem } from './views/service-list.js';

export interface PageJson<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

interface Windowed {
  /** The seconds that rates and quantiles are of. */
  readonly windowS: number;
}

/** By the path of the `GET`. A topic of `/events` sends the same as the path of its name. */
export interface PlaneJson {
  '/overview': ReturnType<typeof overviewOf>;
  '/routes': PageJson<RouteItem> & Windowed;
  '/routes/histogram': ReturnType<typeof routeHistogram>;
  '/workers': readonly WorkerView[];
  '/flights': { readonly worker: number; readonly items: readonly RecentRequest[] };
  '/services': PageJson<ServiceItem> & Windowed;
  '/registry/v1/services/:service': {
    readonly revision: string;
    readonly instances: readonly InstanceJson[];
  };
  '/calls': Awaited<ReturnType<typeof callsGraph>>;
  '/breakers': PageJson<ReturnType<typeof breakerView>>;
  '/limits': LimitsJson;
  '/switches': SwitchesJson;
  '/sagas': PageJson<SagaListItem>;
  '/sagas/:id': SagaView;
  '/cpu': ReturnType<typeof cpuView>;
  '/traces': PageJson<TraceSummary> & { readonly isRecording: boolean; readonly sampled: number };
  '/traces/:traceId': {
    readonly traceId: string;
    /** Earlier spans in the rings, which are not listed. */
    readonly spansLeftOut: number;
    /** It may have other spans, which are not here. */
    readonly isIncomplete: boolean;
    readonly spans: readonly SpanView[];
  };
  '/settings': { readonly items: readonly ShownSetting[] };
}
