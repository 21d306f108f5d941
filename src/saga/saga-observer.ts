// The contract of the engine's observer. Metrics and spans implement it; the engine knows neither.
import type { TraceContext } from '../scope.js';
import type { SagaError } from './saga.js';
import type { Effect, StepOutcome } from './state-machine.js';

export interface StepEvent {
  readonly saga: string;
  readonly sagaId: string;
  readonly step: string;
  readonly kind: Effect['kind'];
  /** The number of this attempt; the first is 1. */
  readonly attempt: number;
  /** The worker that ran the saga before was lost, and this is the first step after it. */
  readonly isRecovered: boolean;
  /** The span that started the saga: the parent of the step's span. */
  readonly parent: TraceContext;
}

export interface StepSpan {
  /** The trace context in which the step runs: the spans of its calls become its children. */
  readonly trace: TraceContext;
  end(outcome: StepOutcome['kind'], error: SagaError | undefined): void;
}

export type SagaOutcome = 'completed' | 'compensated' | 'needs-attention';

export interface SagaObserver {
  /** Called once before every attempt. Undefined: no span; the step runs in its parent's context. */
  stepStarted(event: StepEvent): StepSpan | undefined;
  /**
   * Called before every attempt but the first, of `run` and of `compensate`
   * (`multilane_saga_step_retries_total`).
   */
  stepRetried(saga: string, step: string): void;
  /**
   * Called each time that a saga ends, in the worker that ended it (`multilane_sagas_total{saga,outcome}`): a
   * second time for a saga that needed attention and was retried by an operator.
   */
  sagaEnded(saga: string, outcome: SagaOutcome): void;
}

export const NO_OBSERVER: SagaObserver = {
  stepStarted: () => undefined,
  stepRetried() {},
  sagaEnded() {},
};
