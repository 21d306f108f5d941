// The changes that an operator may make to a saga without a runner, as functions of its record. They return
// undefined where the change makes no sense.
import type { SagaRecord, StepRecord } from './journal.js';
import type { Json } from './saga.js';
import { isUndoFailed } from './step-record.js';

export interface Intervention {
  readonly kind: 'retry' | 'compensate' | 'skip';
  /** The result of a step that is skipped on the way forward. */
  readonly result?: Json | undefined;
}

export function intervene({ kind, result }: Intervention, record: SagaRecord): SagaRecord | undefined {
  if (kind === 'retry') return retried(record);
  return kind === 'compensate' ? compensated(record) : skipped(record, result);
}

/** Continues the saga from where it is. Compensations that were given up get their time and attempts anew. */
function retried(record: SagaRecord): SagaRecord {
  const again = { status: 'compensating', undoAttempts: 0, undoSince: null, undoUnended: 0 } as const;
  const steps = record.steps.map((step) =>
    isUndoFailed(step) || step.status === 'compensating' ? { ...step, ...again } : step,
  );
  return readyToRun({ ...record, steps });
}

/** Makes a saga that goes forward compensate what it has done. */
function compensated(record: SagaRecord): SagaRecord {
  if (record.failure !== null) return retried(record);
  const step = record.steps.find(({ status }) => status !== 'completed') ?? record.steps.at(-1)!;
  const message = 'An operator asked for the compensation.';
  return readyToRun({
    ...record,
    failure: { code: 'COMPENSATION_REQUESTED', message, failedStep: step.name },
  });
}

/** Marks the step at which the saga is stuck as done: the operator did its work outside of the saga. */
function skipped(record: SagaRecord, result: Json | undefined): SagaRecord | undefined {
  const isCompensating = record.failure !== null;
  const position = isCompensating
    ? record.steps.findLastIndex((step) => isUndoFailed(step) || step.status === 'compensating')
    : record.steps.findIndex(({ status }) => status !== 'completed');
  const step = record.steps[position];
  // A compensation has no result: the saga has begun to compensate since the operator looked at it.
  if (step === undefined || (isCompensating && result !== undefined)) return undefined;
  const done: StepRecord = isCompensating
    ? { ...step, status: 'compensated' }
    : {
        ...step,
        status: 'completed',
        result: result === undefined ? (step.result ?? null) : result,
        error: null,
      };
  return retried({ ...record, steps: record.steps.with(position, done) });
}

function readyToRun(record: SagaRecord): SagaRecord {
  return { ...record, status: record.failure === null ? 'running' : 'compensating', reason: null };
}
