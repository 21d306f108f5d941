// Who watches the engine: counters and spans are hung in from outside, the engine knows neither.
import type { TraceContext } from '../scope.js';
import type { SagaError } from './saga.js';
import type { Effect, StepOutcome } from './state-machine.js';

export interface StepEvent {
  readonly saga: string;
  readonly sagaId: string;
  readonly step: string;
  readonly kind: Effect['kind'];
  /** 1 for the first. */
  readonly attempt: number;
  /** The span that started the saga: parent of the step's. */
  readonly parent: TraceContext;
}

export interface StepSpan {
  /** The context the step runs in: its calls become children of it. */
  readonly trace: TraceContext;
  end(outcome: StepOutcome['kind'], error: SagaError | undefined): void;
}

export type SagaOutcome = 'completed' | 'compensated' | 'needs-attention';

export interface SagaObserver {
  /** Once before every attempt. Undefined: no span; the step runs in its parent's context. */
  stepStarted(event: StepEvent): StepSpan | undefined;
  /** Before every attempt but the first, forward and back (`multilane_saga_step_retries_total`). */
  stepRetried(saga: string, step: string): void;
  /**
   * Each time that a saga ends, in the worker that ended it (`multilane_sagas_total{saga,outcome}`): a second
   * time for one that needed attention and was retried by an operator.
   */
  sagaEnded(saga: string, outcome: SagaOutcome): void;
}

export const NO_OBSERVER: SagaObserver = {
  stepStarted: () => undefined,
  stepRetried() {},
  sagaEnded() {},
};
