// Metrics and spans of the statements of a service's database.
import type { DatabaseObserver } from '../db/database-observer.js';
import { errorTypeOf } from '../error-type.js';
import type { Histogram, Recorder } from '../memory/metrics/recorder.js';
import { currentScope } from '../scope.js';
import type { SpanHandle, Tracing } from '../telemetry/span.js';
import { dbSpan } from '../telemetry/spans.js';
import { memoizeByKey } from './memoize-by-key.js';

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
    span(text, run) {
      // A statement outside of requests and steps, such as that of an idle journal, begins no trace.
      const parent = currentScope()?.trace;
      if (parent?.sampled !== true) return run();
      return ended(dbSpan(tracing, parent, service, text), run);
    },
  };
}

async function ended<T>(span: SpanHandle, run: () => Promise<T>): Promise<T> {
  try {
    const result = await run();
    span.end();
    return result;
  } catch (error) {
    span.end(errorTypeOf(error));
    throw error;
  }
}
