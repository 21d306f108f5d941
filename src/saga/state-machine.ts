// The rules of a saga, as functions without effects. The next action follows from the record alone, so
// continuing after a crash is the same as continuing. H. Garcia-Molina, K. Salem, "Sagas", SIGMOD 1987.
//
// Forward, first step first; the saga has completed when all steps have:
//   pending -> running -> completed
//   running -> unknown -> pending | completed    the step's `resolve` found out which
//   running -> unknown -> running …              retried, idempotent under its key
//   running -> failed                            refused: the compensation begins
//   running -> unknown                           refused, but an earlier attempt may have taken effect:
//                                                the compensation begins and includes this step
//   unknown, no attempts left                    the compensation begins and includes this step
// Backward, last step first:
//   completed | unknown -> compensating -> compensated
//   compensating -> failed                       given up; the other steps are compensated

import { countCompensationTime } from './compensation-time.js';
import type { SagaPlan } from './definition.js';
import type { SagaRecord, StepRecord } from './journal.js';
import type { Json, SagaError } from './saga.js';
import { canResolve, isUndoFailed, mustUndo, OUTCOME_UNKNOWN, withStep } from './step-record.js';

/**
 * How many attempts of a compensation, in a row, may crash their worker before it is given up: as many as a
 * forward step has by default. Without a limit one compensation could end its process again and again.
 */
export const MAX_UNENDED_UNDOS = 5;

/** What the runner does next. `ended`: the saga is over. */
export type Action =
  | { readonly kind: 'run'; readonly position: number; readonly attempt: number }
  | { readonly kind: 'resolve'; readonly position: number; readonly attempt: number }
  | { readonly kind: 'undo'; readonly position: number; readonly attempt: number }
  | { readonly kind: 'ended' };

/** The outcome of an action; only `resolve` has the outcome `not-done`. */
export type StepOutcome =
  | { readonly kind: 'ok'; readonly result: Json }
  | { readonly kind: 'not-done' }
  | { readonly kind: 'refused'; readonly error: SagaError }
  | { readonly kind: 'unknown'; readonly error: SagaError };

export type Effect = Exclude<Action, { kind: 'ended' }>;

const ATTEMPTS_LOST: SagaError = {
  code: 'ATTEMPTS_LOST',
  message: `In each of the last ${MAX_UNENDED_UNDOS} attempts the worker failed or was lost, or it lost its lease to another.`,
};

/** The next action, and the record that announces it, to be journaled before the action begins. */
export function advance(
  given: SagaRecord,
  plan: SagaPlan,
  now: number,
): { record: SagaRecord; action: Action } {
  const record = countCompensationTime(given, plan, now);
  return record.failure === null ? forward(record, plan, now) : backward(record, plan, now);
}

function forward(record: SagaRecord, plan: SagaPlan, now: number): { record: SagaRecord; action: Action } {
  const position = record.steps.findIndex((step) => step.status !== 'completed');
  if (position === -1) return { record: { ...record, status: 'completed' }, action: { kind: 'ended' } };
  const step = record.steps[position]!;
  const rule = plan.steps[position]!;
  if (canResolve(step, rule)) {
    // A `resolve` that fails costs an attempt, and so does one that crashes the worker: else it would be
    // called forever.
    const resolving: StepRecord = {
      ...{ ...step, status: 'running', attempts: step.attempts + 1 },
      error: step.error ?? OUTCOME_UNKNOWN,
    };
    return {
      record: { ...withStep(record, position, resolving), status: 'running' },
      // `attempts` is 0 when the interrupted attempt was released uncounted.
      action: { kind: 'resolve', position, attempt: Math.max(1, step.attempts) },
    };
  }
  if (step.attempts < rule.retry.attempts) {
    const attempt = step.attempts + 1;
    const error = step.status === 'pending' ? step.error : (step.error ?? OUTCOME_UNKNOWN);
    const startedAt = step.startedAt ?? now;
    const begun: StepRecord = { ...step, status: 'running', attempts: attempt, startedAt, error };
    return {
      record: { ...withStep(record, position, begun), status: 'running' },
      action: { kind: 'run', position, attempt },
    };
  }
  const failure = { ...(step.error ?? OUTCOME_UNKNOWN), failedStep: step.name };
  const givenUp = withStep(record, position, { ...step, status: 'unknown', finishedAt: now });
  return backward({ ...givenUp, failure }, plan, now);
}

function backward(record: SagaRecord, plan: SagaPlan, now: number): { record: SagaRecord; action: Action } {
  const position = record.steps.findLastIndex((step, at) => mustUndo(step, plan.steps[at]!));
  if (position === -1) {
    const ended = record.steps.some(isUndoFailed)
      ? ({ status: 'needs-attention', reason: 'COMPENSATION_FAILED' } as const)
      : ({ status: 'compensated', reason: null } as const);
    return { record: { ...record, ...ended }, action: { kind: 'ended' } };
  }
  const step = record.steps[position]!;
  if (step.undoUnended >= MAX_UNENDED_UNDOS) {
    const givenUp = { status: 'failed', error: ATTEMPTS_LOST, finishedAt: now } as const;
    return backward(withStep(record, position, { ...step, ...givenUp }), plan, now);
  }
  const attempt = step.undoAttempts + 1;
  const begun = {
    status: 'compensating',
    undoAttempts: attempt,
    undoSince: step.undoSince ?? now,
    undoUnended: step.undoUnended + 1,
  } as const;
  return {
    record: { ...withStep(record, position, { ...step, ...begun }), status: 'compensating', updatedAt: now },
    action: { kind: 'undo', position, attempt },
  };
}
