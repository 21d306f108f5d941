// Metrics and spans of the calls to other services.
import type { SeriesTable } from '../memory/metrics/series.js';
import { schemeOf } from '../registry/endpoint.js';
import type { Tracing } from '../telemetry/span.js';
import { clientSpan, endClientSpan } from '../telemetry/spans.js';
import type { AttemptResult, CallObserver } from '../upstream/call-observer.js';
import { CallDurations } from './call-durations.js';
import { errorTypeOf } from './error-type.js';
import { memoizeByKey } from './memoize-by-key.js';
import { type IsRegistered, PickCounters } from './pick-counters.js';

/** Stands for all further services, once the durations of 512 services are memoized. */
const OTHER_SERVICES = '_OTHER';

export function observeCalls(
  recorder: SeriesTable,
  tracing: Tracing,
  isRegistered: IsRegistered,
): CallObserver {
  const picks = new PickCounters(recorder, isRegistered);
  const calls = recorder.pool('calls');
  const durations = memoizeByKey((service) => new CallDurations(calls, service), OTHER_SERVICES);
  const hedges = memoizeByKey((key) => {
    const [service = '', outcome = ''] = key.split(' ');
    return recorder.counter('multilane_hedges_total', { service, outcome });
  });
  const shared = memoizeByKey((service) => recorder.counter('multilane_calls_shared_total', { service }));
  const exhausted = memoizeByKey((service) =>
    recorder.counter('multilane_retry_budget_exhausted_total', { service }),
  );
  return {
    attempt(endpoint, method, path, attempt, parent) {
      const { service, id, local, host, port } = endpoint;
      picks.of(service, id).add();
      const span = clientSpan(tracing, parent, {
        method,
        service,
        path,
        attempt: attempt - 1,
        ...(local ? {} : { host, port, scheme: schemeOf(endpoint) }),
      });
      return {
        trace: span.context,
        end(result: AttemptResult, microseconds) {
          const status = 'status' in result ? result.status : undefined;
          const error = 'status' in result ? undefined : errorTypeOf(result.error);
          durations(service)
            .of(method, String(status ?? ''), error ?? '')
            .record(microseconds);
          endClientSpan(span, status, error);
        },
      };
    },
    budgetExhausted: (service) => exhausted(service).add(),
    hedged: (service, outcome) => hedges(`${service} ${outcome}`).add(),
    shared: (service) => shared(service).add(),
  };
}
