// The rules of a saga, as functions without effects: what is to be done next follows from the record alone,
// so going on after a crash is the same as going on. H. Garcia-Molina, K. Salem, "Sagas", SIGMOD 1987.
//
//   forward   pending -> running -> completed                     (all completed: the saga is completed)
//   running -> unknown -> pending | completed  asked of the step's `resolve` running -> unknown -> running …
//   retried, idempotent under its key running -> failed                          refused: the way back begins
//   running -> unknown                         refused behind an open attempt: likewise, with this step
//   unknown, attempts used up                  the way back begins, with this step backward  completed |
//   unknown -> compensating -> compensated   last step first compensating -> failed         given up; the
//   rest goes on

import type { Plan, StepPlan } from './definition.js';
import type { SagaRecord, StepRecord } from './journal.js';
import type { Json, SagaError } from './saga.js';
import { forwardPause, undoPause } from './step-pauses.js';
import { COMPENSATE_FOR_MS, countTried } from './tried-time.js';

/**
 * Attempts of a compensation, in a row, that may have brought their worker down: as many as a forward step
 * has by default. More would let one compensation that ends its process end it again and again.
 */
export const UNENDED_UNDOS = 5;

/** What the runner does in the world. `ended`: nothing any more. */
export type Action =
  | { readonly kind: 'run'; readonly position: number; readonly attempt: number }
  | { readonly kind: 'resolve'; readonly position: number; readonly attempt: number }
  | { readonly kind: 'undo'; readonly position: number; readonly attempt: number }
  | { readonly kind: 'ended' };

/** What came of an action. `not-done` is an answer of `resolve` only. */
export type StepOutcome =
  | { readonly kind: 'ok'; readonly result: Json }
  | { readonly kind: 'not-done' }
  | { readonly kind: 'refused'; readonly error: SagaError }
  | { readonly kind: 'unknown'; readonly error: SagaError };

export type Effect = Exclude<Action, { kind: 'ended' }>;

const LOST: SagaError = {
  code: 'OUTCOME_UNKNOWN',
  message: 'The outcome of the step could not be found out.',
};

const UNENDED: SagaError = {
  code: 'ATTEMPTS_LOST',
  message: `In each of the last ${UNENDED_UNDOS} attempts the worker failed or was lost, or it lost its lease to another.`,
};

const NOT_KEPT: SagaError = {
  code: 'UNSTORABLE',
  message: 'What the step has left cannot be kept in the journal.',
};

/** The next action, and the record that announces it: to be journaled before the action is begun. */
export function advance(given: SagaRecord, plan: Plan, now: number): { record: SagaRecord; action: Action } {
  const record = countTried(given, plan, now);
  return record.failure === null ? forward(record, plan, now) : backward(record, plan, now);
}

/**
 * The record after an action, and how long to pause before the next one (0: not at all).
 * @param hasFailed the worker has failed meanwhile: it may have been this action that brought it down
 */
export function settle(
  given: SagaRecord,
  plan: Plan,
  effect: Effect,
  outcome: StepOutcome,
  now: number,
  random: () => number,
  hasFailed = false,
): { record: SagaRecord; pauseMs: number } {
  const { position } = effect;
  const record = countTried(given, plan, now);
  const step = record.steps[position]!;
  const rule = plan.steps[position]!;
  if (effect.kind === 'undo') {
    const ended = hasFailed ? step : { ...step, undoUnended: 0 };
    return settleUndo(record, ended, rule, position, outcome, now, random);
  }
  // What found something out was no attempt.
  const attempts =
    effect.kind === 'resolve' && outcome.kind !== 'unknown' ? step.attempts - 1 : step.attempts;
  switch (outcome.kind) {
    case 'ok': {
      const done = { status: 'completed', result: outcome.result, error: null, finishedAt: now } as const;
      return { record: withStep(record, position, { ...step, ...done, attempts }), pauseMs: 0 };
    }
    case 'not-done': {
      // It may still be on its way: a refusal behind it does not say that nothing is to be undone.
      const asked = { status: 'pending', attempts, error: step.error ?? LOST } as const;
      return { record: withStep(record, position, { ...step, ...asked }), pauseMs: 0 };
    }
    case 'refused': {
      // What an earlier attempt has done stands, whatever this one was told: then the step is undone with the
      // others.
      const status = isEarlierOpen(step) ? 'unknown' : 'failed';
      const refused = { status, error: outcome.error, finishedAt: now } as const;
      const failure = { ...outcome.error, failedStep: step.name };
      return { record: { ...withStep(record, position, { ...step, ...refused }), failure }, pauseMs: 0 };
    }
    case 'unknown': {
      const open: StepRecord = { ...step, status: 'unknown', attempts, error: outcome.error };
      const pauseMs = canGoOn(open, rule) ? forwardPause(rule.retry, attempts, random) : 0;
      return { record: withStep(record, position, open), pauseMs };
    }
  }
}

/**
 * How long to pause before a step is begun again that was broken off with its runner: it may be what ends the
 * process. As behind an attempt that has failed, from when the step was begun; never longer, though the clock
 * of the host that began it may be ahead.
 */
export function lostPause(
  record: SagaRecord,
  plan: Plan,
  { now, random }: { readonly now: () => number; readonly random: () => number },
): number {
  const position = record.steps.findIndex(({ status }) => status === 'running' || status === 'compensating');
  if (position === -1) return 0;
  const { status, attempts, undoAttempts } = record.steps[position]!;
  // An operator has asked for it: nothing of it was begun.
  if (status === 'compensating' && undoAttempts === 0) return 0;
  const { retry } = plan.steps[position]!;
  const pauseMs =
    status === 'running' ? forwardPause(retry, attempts, random) : undoPause(retry, undoAttempts, random);
  return Math.min(pauseMs, Math.max(0, record.updatedAt + pauseMs - now()));
}

/** True when the compensation that comes next is given up unless somebody lives to tell its end. */
export function isLastChance({ steps }: SagaRecord): boolean {
  return steps.some(
    ({ status, undoUnended }) => status === 'compensating' && undoUnended === UNENDED_UNDOS - 1,
  );
}

/** For an operator, in place of a record that the journal cannot keep. @param record as the journal has it */
export function unstorable(record: SagaRecord, now: number): SagaRecord {
  const steps = record.steps.map((step): StepRecord => {
    if (step.status === 'compensating')
      return { ...step, status: 'failed', error: NOT_KEPT, finishedAt: now };
    return step.status === 'running' ? { ...step, status: 'unknown', error: NOT_KEPT } : step;
  });
  return { ...record, steps, status: 'needs-attention', reason: 'UNSTORABLE' };
}

function forward(record: SagaRecord, plan: Plan, now: number): { record: SagaRecord; action: Action } {
  const position = record.steps.findIndex((step) => step.status !== 'completed');
  if (position === -1) return { record: { ...record, status: 'completed' }, action: { kind: 'ended' } };
  const step = record.steps[position]!;
  const rule = plan.steps[position]!;
  if (canAsk(step, rule)) {
    // Asking in vain costs an attempt too, and so does what dies while it asks: the asking ends as well.
    const asking: StepRecord = {
      ...{ ...step, status: 'running', attempts: step.attempts + 1 },
      error: step.error ?? LOST,
    };
    return {
      record: { ...withStep(record, position, asking), status: 'running' },
      // 0: the attempt was taken back.
      action: { kind: 'resolve', position, attempt: Math.max(1, step.attempts) },
    };
  }
  if (step.attempts < rule.retry.attempts) {
    const attempt = step.attempts + 1;
    const error = step.status === 'pending' ? step.error : (step.error ?? LOST);
    const startedAt = step.startedAt ?? now;
    const begun: StepRecord = { ...step, status: 'running', attempts: attempt, startedAt, error };
    return {
      record: { ...withStep(record, position, begun), status: 'running' },
      action: { kind: 'run', position, attempt },
    };
  }
  const failure = { ...(step.error ?? LOST), failedStep: step.name };
  const givenUp = withStep(record, position, { ...step, status: 'unknown', finishedAt: now });
  return backward({ ...givenUp, failure }, plan, now);
}

function backward(record: SagaRecord, plan: Plan, now: number): { record: SagaRecord; action: Action } {
  const position = record.steps.findLastIndex((step, at) => mustUndo(step, plan.steps[at]!));
  if (position === -1) {
    const ended = record.steps.some(isUndoFailed)
      ? ({ status: 'needs-attention', reason: 'COMPENSATION_FAILED' } as const)
      : ({ status: 'compensated', reason: null } as const);
    return { record: { ...record, ...ended }, action: { kind: 'ended' } };
  }
  const step = record.steps[position]!;
  if (step.undoUnended >= UNENDED_UNDOS) {
    const givenUp = { status: 'failed', error: UNENDED, finishedAt: now } as const;
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

/**
 * True for a step whose compensation was given up. A refused step has the same status but nothing to undo.
 */
export function isUndoFailed(step: StepRecord): boolean {
  return step.status === 'failed' && step.undoAttempts > 0;
}

function mustUndo(step: StepRecord, rule: StepPlan): boolean {
  if (rule.compensate === undefined) return false;
  const { status } = step;
  return status === 'completed' || status === 'unknown' || status === 'running' || status === 'compensating';
}

/** `running` here means: begun by somebody who did not live to tell. */
function canAsk(step: StepRecord, rule: StepPlan): boolean {
  const open = step.status === 'unknown' || step.status === 'running';
  return open && rule.resolve !== undefined && step.attempts <= rule.retry.attempts;
}

/**
 * True when an attempt before the one that runs may still have its effect: `error` is how that one ended.
 * What
 * `resolve` says of it holds for the moment in which it was asked.
 */
function isEarlierOpen({ error }: StepRecord): boolean {
  return error !== null;
}

function canGoOn(step: StepRecord, rule: StepPlan): boolean {
  return canAsk(step, rule) || step.attempts < rule.retry.attempts;
}

function withStep(record: SagaRecord, position: number, step: StepRecord): SagaRecord {
  return { ...record, steps: record.steps.with(position, step) };
}
