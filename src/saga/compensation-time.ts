// How long a compensation has been tried, which is not how long ago it began: the time does not pass while no
// process has the saga, or when a clock is set.
import type { SagaPlan } from './definition.js';
import type { SagaRecord } from './journal.js';
import { LONG_BACKOFF_MS } from './step-pauses.js';

/** How long a compensation is tried before the saga needs an operator. */
export const COMPENSATE_FOR_MS = 24 * 60 * 60 * 1000;

/**
 * The record as of `now`. Of the time since the record was last written, a compensation counts at most the
 * duration of one attempt and the pause after it: during the rest no process has tried it, so `undoSince` is
 * moved to a later time by the rest.
 */
export function countCompensationTime(record: SagaRecord, plan: SagaPlan, now: number): SagaRecord {
  const position = record.steps.findIndex(({ status }) => status === 'compensating');
  const step = record.steps[position];
  if (step === undefined || step.undoSince === null) return record;
  const { timeoutMs, retry } = plan.steps[position]!;
  const maxMs = timeoutMs + Math.max(retry.maxBackoffMs, LONG_BACKOFF_MS);
  const countedMs = Math.min(Math.max(0, now - record.updatedAt), maxMs);
  const undoSince = now - countedMs - Math.max(0, record.updatedAt - step.undoSince);
  const steps =
    undoSince === step.undoSince ? record.steps : record.steps.with(position, { ...step, undoSince });
  return { ...record, steps, updatedAt: now };
}
