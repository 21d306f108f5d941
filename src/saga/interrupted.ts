// Rules for sagas whose runner was lost, and for records that cannot be stored.
import type { SagaPlan } from './definition.js';
import type { SagaRecord, StepRecord } from './journal.js';
import type { SagaError } from './saga.js';
import { MAX_UNENDED_UNDOS } from './state-machine.js';
import { forwardPause, undoPause } from './step-pauses.js';

const UNSTORABLE: SagaError = {
  code: 'UNSTORABLE',
  message: 'The result or the error of the step cannot be stored in the journal.',
};

/**
 * The pause before a step whose runner was lost is tried again: the step may be what crashed the process. It
 * is the pause after a failed attempt, counted from when the step began. It is never longer than that, even
 * when the clock of the host that began the step was ahead.
 */
export function pauseAfterLostRunner(
  record: SagaRecord,
  plan: SagaPlan,
  { now, random }: { readonly now: () => number; readonly random: () => number },
): number {
  const position = record.steps.findIndex(({ status }) => status === 'running' || status === 'compensating');
  if (position === -1) return 0;
  const { status, attempts, undoAttempts } = record.steps[position]!;
  // An operator has asked for the compensation, and it has not begun yet.
  if (status === 'compensating' && undoAttempts === 0) return 0;
  const { retry } = plan.steps[position]!;
  const pauseMs =
    status === 'running' ? forwardPause(retry, attempts, random) : undoPause(retry, undoAttempts, random);
  return Math.min(pauseMs, Math.max(0, record.updatedAt + pauseMs - now()));
}

/** True when the compensation is given up if its next attempt crashes the worker as well. */
export function isLastChance({ steps }: SagaRecord): boolean {
  return steps.some(
    ({ status, undoUnended }) => status === 'compensating' && undoUnended === MAX_UNENDED_UNDOS - 1,
  );
}

/**
 * The record that hands a saga to an operator, in place of one that the journal cannot store.
 * @param record the record as the journal has it
 */
export function unstorableRecord(record: SagaRecord, now: number): SagaRecord {
  const steps = record.steps.map((step): StepRecord => {
    if (step.status === 'compensating')
      return { ...step, status: 'failed', error: UNSTORABLE, finishedAt: now };
    return step.status === 'running' ? { ...step, status: 'unknown', error: UNSTORABLE } : step;
  });
  return { ...record, steps, status: 'needs-attention', reason: 'UNSTORABLE' };
}
