// The record after an action: what its outcome changes. The next action follows in state-machine.ts.
import { COMPENSATE_FOR_MS, countCompensationTime } from './compensation-time.js';
import type { SagaPlan, StepPlan } from './definition.js';
import type { SagaRecord, StepRecord } from './journal.js';
import type { Effect, StepOutcome } from './state-machine.js';
import { forwardPause, undoPause } from './step-pauses.js';
import { canRetry, mayEarlierAttemptTakeEffect, OUTCOME_UNKNOWN, withStep } from './step-record.js';

/**
 * The record after an action, and the pause before the next one in milliseconds.
 * @param hasFailed the worker has failed meanwhile, possibly because of this action
 */
export function settle(
  given: SagaRecord,
  plan: SagaPlan,
  effect: Effect,
  outcome: StepOutcome,
  now: number,
  random: () => number,
  hasFailed = false,
): { record: SagaRecord; pauseMs: number } {
  const { position } = effect;
  const record = countCompensationTime(given, plan, now);
  const step = record.steps[position]!;
  const rule = plan.steps[position]!;
  if (effect.kind === 'undo') {
    const ended = hasFailed ? step : { ...step, undoUnended: 0 };
    return settleUndo(record, ended, rule, position, outcome, now, random);
  }
  // A `resolve` that found something out does not count as an attempt.
  const attempts =
    effect.kind === 'resolve' && outcome.kind !== 'unknown' ? step.attempts - 1 : step.attempts;
  switch (outcome.kind) {
    case 'ok': {
      const done = { status: 'completed', result: outcome.result, error: null, finishedAt: now } as const;
      return { record: withStep(record, position, { ...step, ...done, attempts }), pauseMs: 0 };
    }
    case 'not-done': {
      // The attempt may still take effect: if a later one is refused, this step must be undone all the same.
      const pending = { status: 'pending', attempts, error: step.error ?? OUTCOME_UNKNOWN } as const;
      return { record: withStep(record, position, { ...step, ...pending }), pauseMs: 0 };
    }
    case 'refused': {
      // An earlier attempt may have taken effect although this one was refused: then the step is undone too.
      const status = mayEarlierAttemptTakeEffect(step) ? 'unknown' : 'failed';
      const refused = { status, error: outcome.error, finishedAt: now } as const;
      const failure = { ...outcome.error, failedStep: step.name };
      return { record: { ...withStep(record, position, { ...step, ...refused }), failure }, pauseMs: 0 };
    }
    case 'unknown': {
      const open: StepRecord = { ...step, status: 'unknown', attempts, error: outcome.error };
      const pauseMs = canRetry(open, rule) ? forwardPause(rule.retry, attempts, random) : 0;
      return { record: withStep(record, position, open), pauseMs };
    }
  }
}

function settleUndo(
  record: SagaRecord,
  step: StepRecord,
  rule: StepPlan,
  position: number,
  outcome: StepOutcome,
  now: number,
  random: () => number,
): { record: SagaRecord; pauseMs: number } {
  if (outcome.kind === 'refused' || outcome.kind === 'unknown') {
    const { error } = outcome;
    if (now - (step.undoSince ?? now) >= COMPENSATE_FOR_MS) {
      const givenUp = { status: 'failed', error, finishedAt: now } as const;
      return { record: withStep(record, position, { ...step, ...givenUp }), pauseMs: 0 };
    }
    const pauseMs = undoPause(rule.retry, step.undoAttempts, random);
    return { record: withStep(record, position, { ...step, error }), pauseMs };
  }
  const undone = { status: 'compensated', finishedAt: now } as const;
  return { record: withStep(record, position, { ...step, ...undone }), pauseMs: 0 };
}
