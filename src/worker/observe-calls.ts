// Metrics and spans of the calls to other services.
import { errorTypeOf, isHttpError } from '../error-type.js';
import { grpcStatusOf } from '../errors.js';
import type { SeriesTable } from '../memory/metrics/series.js';
import { SecretPaths } from '../redaction/secret-paths.js';
import { type Endpoint, schemeOf } from '../registry/endpoint.js';
import type { TraceContext } from '../scope.js';
import { endRpcClientSpan, rpcClientSpan } from '../telemetry/rpc-client-span.js';
import type { SpanHandle, Tracing } from '../telemetry/span.js';
import { clientSpan, endClientSpan } from '../telemetry/spans.js';
import type { AttemptObservation, AttemptResult, CallObserver } from '../upstream/call-observer.js';
import { CallDurations } from './call-durations.js';
import { type CallEdge, CallEdges } from './call-edges.js';
import { memoizeByKey } from './memoize-by-key.js';
import { type IsRegistered, PickCounters } from './pick-counters.js';

/** Stands for all further services, once the durations of 512 services are memoized. */
const OTHER_SERVICES = '_OTHER';

/** The observers of a worker, one for each caller. */
export interface CallObservers {
  /** @param caller the calling service, or GATEWAY_CALLER */
  from(caller: string): CallObserver;
}

/** @param secretPaths the routes of this worker, whose paths are those of calls as well */
export function observeCalls(
  recorder: SeriesTable,
  tracing: Tracing,
  isRegistered: IsRegistered,
  secretPaths = new SecretPaths(),
): CallObservers {
  const picks = new PickCounters(recorder, isRegistered);
  const calls = recorder.pool('calls');
  const edges = new CallEdges(calls);
  const durationsOf = (protocol: Endpoint['protocol']) =>
    memoizeByKey((service) => new CallDurations(calls, protocol, service), OTHER_SERVICES);
  const durations = { http: durationsOf('http'), grpc: durationsOf('grpc') };
  const hedges = memoizeByKey((key) => {
    const [service = '', outcome = ''] = key.split(' ');
    return recorder.counter('multilane_hedges_total', { service, outcome });
  });
  const shared = memoizeByKey((service) => recorder.counter('multilane_calls_shared_total', { service }));
  const fallbacks = memoizeByKey((service) =>
    recorder.counter('multilane_call_fallbacks_total', { service }),
  );
  const rejected = memoizeByKey((service) =>
    recorder.counter('multilane_load_reports_rejected_total', { service }),
  );
  const exhausted = memoizeByKey((service) =>
    recorder.counter('multilane_retry_budget_exhausted_total', { service }),
  );
  const attemptFrom = (edgeTo: ReturnType<CallEdges['from']>): CallObserver['attempt'] => {
    return (endpoint, method, path, attempt, parent) => {
      const { service, id, protocol, local, host, port } = endpoint;
      picks.of(service, id).add();
      const counted = { series: durations[protocol](service), edge: edgeTo(service, local) };
      if (protocol === 'grpc') {
        const rpc = { method: path.slice(1), service, ...(!local && { host, port }) };
        return new ObservedRpcAttempt(counted, rpc.method, rpcClientSpan(tracing, parent, rpc));
      }
      const span = clientSpan(tracing, parent, {
        method,
        service,
        path,
        secretPaths,
        attempt: attempt - 1,
        host: local ? undefined : host,
        port: local ? undefined : port,
        scheme: local ? 'http' : schemeOf(endpoint),
      });
      return new ObservedHttpAttempt(counted, method, span);
    };
  };
  const others: Omit<CallObserver, 'attempt'> = {
    budgetExhausted: (service) => exhausted(service).add(),
    hedged: (service, outcome) => hedges(`${service} ${outcome}`).add(),
    shared: (service) => shared(service).add(),
    fellBack: (service) => fallbacks(service).add(),
    reportRejected: (service) => rejected(service).add(),
  };
  return { from: (caller) => ({ ...others, attempt: attemptFrom(edges.from(caller)) }) };
}

/** What an attempt is counted in. */
interface Counted {
  readonly series: CallDurations;
  readonly edge: CallEdge;
}

abstract class ObservedAttempt implements AttemptObservation {
  protected readonly span: SpanHandle;
  readonly #counted: Counted;
  readonly #method: string;

  constructor(counted: Counted, method: string, span: SpanHandle) {
    this.span = span;
    this.#counted = counted;
    this.#method = method;
  }

  get trace(): TraceContext {
    return this.span.context;
  }

  abstract end(result: AttemptResult, microseconds: number): void;

  /** @param failure empty: the attempt has not failed */
  protected record(result: AttemptResult, status: string, failure: string, microseconds: number): void {
    const { series, edge } = this.#counted;
    const trace = this.span.recording ? this.span.context : undefined;
    series.of(this.#method, status, failure).record(microseconds, trace);
    edge.ended(result);
  }
}

class ObservedHttpAttempt extends ObservedAttempt {
  end(result: AttemptResult, microseconds: number): void {
    const status = 'status' in result ? result.status : undefined;
    const error = 'status' in result ? undefined : errorTypeOf(result.error);
    this.record(result, String(status ?? ''), error ?? '', microseconds);
    endClientSpan(this.span, status, error);
  }
}

class ObservedRpcAttempt extends ObservedAttempt {
  end(result: AttemptResult, microseconds: number): void {
    const status = rpcStatusOf(result);
    const error = 'status' in result ? undefined : errorTypeOf(result.error);
    this.record(result, status, error ?? (status === 'OK' ? '' : status), microseconds);
    endRpcClientSpan(this.span, status, error);
  }
}

/** The gRPC status of an attempt. Calls within the process have an HTTP status, and no other. */
function rpcStatusOf(result: AttemptResult): string {
  if ('status' in result)
    return result.status === 200 ? 'OK' : (result.rpcStatus ?? grpcStatusOf('', result.status));
  return isHttpError(result.error) ? result.error.grpc : 'CANCELLED';
}
