// Predicates on the record of one step, and its replacement in a saga.
import type { StepPlan } from './definition.js';
import type { SagaRecord, StepRecord } from './journal.js';
import type { SagaError } from './saga.js';

export const OUTCOME_UNKNOWN: SagaError = {
  code: 'OUTCOME_UNKNOWN',
  message: 'The outcome of the step could not be found out.',
};

/**
 * True for a step whose compensation was given up. A refused step has the same status but nothing to undo.
 */
export function isUndoFailed(step: StepRecord): boolean {
  return step.status === 'failed' && step.undoAttempts > 0;
}

export function mustUndo(step: StepRecord, rule: StepPlan): boolean {
  if (rule.compensate === undefined) return false;
  const { status } = step;
  return status === 'completed' || status === 'unknown' || status === 'running' || status === 'compensating';
}

/** A step found `running` was interrupted: its runner has not written the outcome. */
export function canResolve(step: StepRecord, rule: StepPlan): boolean {
  const isOpen = step.status === 'unknown' || step.status === 'running';
  return isOpen && rule.resolve !== undefined && step.attempts <= rule.retry.attempts;
}

/**
 * True when an attempt before the current one may still take effect: `error` is how that one ended. What
 * `resolve` found out was true only at the moment of its query.
 */
export function mayEarlierAttemptTakeEffect({ error }: StepRecord): boolean {
  return error !== null;
}

export function canRetry(step: StepRecord, rule: StepPlan): boolean {
  return canResolve(step, rule) || step.attempts < rule.retry.attempts;
}

export function withStep(record: SagaRecord, position: number, step: StepRecord): SagaRecord {
  return { ...record, steps: record.steps.with(position, step) };
}
