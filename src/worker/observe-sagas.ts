// Metrics and spans of sagas and their steps.
import type { Recorder } from '../memory/metrics/recorder.js';
import type { SagaObserver } from '../saga/saga-observer.js';
import type { Tracing } from '../telemetry/span.js';
import { sagaStepSpan } from '../telemetry/spans.js';
import { memoizeByKey } from './memoize-by-key.js';

const OUTCOMES = ['completed', 'compensated', 'needs-attention'] as const;

/** @param sagas names of the registered sagas: each outcome is counted from 0 on, before it first happens */
export function observeSagas(recorder: Recorder, tracing: Tracing, sagas: readonly string[]): SagaObserver {
  const ended = memoizeByKey((key) => {
    const [saga = '', outcome = ''] = key.split(' ');
    return recorder.counter('multilane_sagas_total', { saga, outcome });
  });
  for (const saga of sagas) for (const outcome of OUTCOMES) ended(`${saga} ${outcome}`);
  const retries = recorder.counter('multilane_saga_step_retries_total');
  return {
    stepStarted({ saga, step, sagaId, kind, attempt, isRecovered, parent }) {
      const undo = kind === 'undo';
      const span = sagaStepSpan(tracing, parent, { saga, step, sagaId, attempt, undo, isRecovered });
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
