// What databases, calls and sagas tell about themselves, as metrics and spans of this worker.
import type { DatabaseObserver } from '../db/create-database.js';
import { HttpError } from '../errors.js';
import type { Histogram, Recorder } from '../memory/metrics/recorder.js';
import type { SeriesTable } from '../memory/metrics/series.js';
import { schemeOf } from '../registry/endpoint.js';
import type { SagaObserver } from '../saga/saga-observer.js';
import { currentScope } from '../scope.js';
import type { Tracing } from '../telemetry/span.js';
import { clientSpan, dbSpan, endClientSpan, sagaStepSpan } from '../telemetry/spans.js';
import type { AttemptResult, CallObserver } from '../upstream/call-observer.js';
import { CallDurations } from './call-durations.js';
import { memoizeByKey } from './memoize-by-key.js';
import { type Knows, PickCounters } from './pick-counters.js';

export function observeDatabase(recorder: Recorder, tracing: Tracing, service: string): DatabaseObserver {
  const series = memoizeByKey((key): Histogram => {
    const [operation = '', error = ''] = key.split(' ');
    return recorder.histogram('db_client_operation_duration_seconds', {
      db_system_name: 'postgresql',
      db_namespace: service,
      db_operation_name: operation,
      error_type: error,
    });
  });
  const observer: DatabaseObserver = {
    record: (operation, microseconds, error = '') => series(`${operation} ${error}`).record(microseconds),
  };
  if (!tracing.enabled) return observer;
  return {
    ...observer,
    async span(_name, attributes, run) {
      const text = attributes['db.query.text'] ?? '';
      const span = dbSpan(tracing, currentScope()?.trace, service, text);
      try {
        const result = await run();
        span.end();
        return result;
      } catch (error) {
        span.end(errorTypeOf(error));
        throw error;
      }
    },
  };
}

/** All services as one that come when the durations of so many others are kept already. */
const OTHER_SERVICES = '_OTHER';

export function observeCalls(recorder: SeriesTable, tracing: Tracing, knows: Knows): CallObserver {
  const picks = new PickCounters(recorder, knows);
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

const OUTCOMES = ['completed', 'compensated', 'needs-attention'] as const;

/** @param sagas names of the registered ones: each outcome is 0 before it first happens, not absent */
export function observeSagas(recorder: Recorder, tracing: Tracing, sagas: readonly string[]): SagaObserver {
  const ended = memoizeByKey((key) => {
    const [saga = '', outcome = ''] = key.split(' ');
    return recorder.counter('multilane_sagas_total', { saga, outcome });
  });
  for (const saga of sagas) for (const outcome of OUTCOMES) ended(`${saga} ${outcome}`);
  const retries = recorder.counter('multilane_saga_step_retries_total');
  return {
    stepStarted({ saga, step, sagaId, kind, attempt, parent }) {
      const span = sagaStepSpan(tracing, parent, { saga, step, sagaId, attempt, undo: kind === 'undo' });
      return {
        trace: span.context,
        end: (outcome, error) =>
          span.end(outcome === 'ok' || outcome === 'not-done' ? undefined : error?.code),
      };
    },
    stepRetried: () => retries.add(),
    sagaEnded: (saga, outcome) => ended(`${saga} ${outcome}`).add(),
  };
}

/** A code of errors.ts, an SQLSTATE, or the class: never free text. */
function errorTypeOf(error: unknown): string {
  if (error instanceof HttpError) return error.code;
  if (!(error instanceof Error)) return 'unknown';
  const { sqlState } = error as { readonly sqlState?: unknown };
  return typeof sqlState === 'string' ? sqlState : error.name;
}
