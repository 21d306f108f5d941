// How long a compensation has been tried: not how long ago it began. Its time does not run on while no
// process has the saga, or when somebody sets a clock.

import type { Plan } from './definition.js';
import type { SagaRecord } from './journal.js';
import { LONG_BACKOFF_MS } from './step-pauses.js';

/** How long a compensation is tried. */
export const COMPENSATE_FOR_MS = 24 * 60 * 60 * 1000;

/**
 * The record as of `now`. Of the time since it was last written, a compensation counts what its attempt and
 * the pause behind it may take: beyond that nobody has tried it. So `undoSince` moves on by the rest.
 */
export function countTried(record: SagaRecord, plan: Plan, now: number): SagaRecord {
  const position = record.steps.findIndex(({ status }) => status === 'compensating');
  const step = record.steps[position];
  if (step === undefined || step.undoSince === null) return record;
  const { timeoutMs, retry } = plan.steps[position]!;
  const mostMs = timeoutMs + Math.max(retry.maxBackoffMs, LONG_BACKOFF_MS);
  const countedMs = Math.min(Math.max(0, now - record.updatedAt), mostMs);
  const undoSince = now - countedMs - Math.max(0, record.updatedAt - step.undoSince);
  const steps =
    undoSince === step.undoSince ? record.steps : record.steps.with(position, { ...step, undoSince });
  return { ...record, steps, updatedAt: now };
}
