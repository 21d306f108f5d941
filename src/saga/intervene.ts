// What an operator may do to a saga that nobody runs, as functions of its record. Undefined: it makes no
// sense.
import type { SagaRecord, StepRecord } from './journal.js';
import type { Json } from './saga.js';
import { isUndoFailed } from './state-machine.js';

export interface Intervention {
  readonly kind: 'retry' | 'compensate' | 'skip';
  /** Of a step that is skipped on the way forward. */
  readonly result?: Json | undefined;
}

export function intervene({ kind, result }: Intervention, record: SagaRecord): SagaRecord | undefined {
  if (kind === 'retry') return retried(record);
  return kind === 'compensate' ? compensated(record) : skipped(record, result);
}

/** Goes on from where it is; compensations that were given up get their time and their attempts again. */
function retried(record: SagaRecord): SagaRecord {
  const again = { status: 'compensating', undoAttempts: 0, undoSince: null, undoUnended: 0 } as const;
  const steps = record.steps.map((step) =>
    isUndoFailed(step) || step.status === 'compensating' ? { ...step, ...again } : step,
  );
  return free({ ...record, steps });
}

/** Turns a saga that goes forward around. */
function compensated(record: SagaRecord): SagaRecord {
  if (record.failure !== null) return retried(record);
  const step = record.steps.find(({ status }) => status !== 'completed') ?? record.steps.at(-1)!;
  const message = 'An operator asked for the compensation.';
  return free({ ...record, failure: { code: 'COMPENSATION_REQUESTED', message, failedStep: step.name } });
}

/** The operator has done by hand what the saga is stuck at. */
function skipped(record: SagaRecord, result: Json | undefined): SagaRecord | undefined {
  const back = record.failure !== null;
  const position = back
    ? record.steps.findLastIndex((step) => isUndoFailed(step) || step.status === 'compensating')
    : record.steps.findIndex(({ status }) => status !== 'completed');
  const step = record.steps[position];
  // A compensation has no result: it has turned around meanwhile.
  if (step === undefined || (back && result !== undefined)) return undefined;
  const done: StepRecord = back ? { ...step, status: 'compensated' } : forwardDone(step, result);
  return retried({ ...record, steps: record.steps.with(position, done) });
}

function forwardDone(step: StepRecord, result: Json = step.result ?? null): StepRecord {
  return { ...step, status: 'completed', result, error: null };
}

function free(record: SagaRecord): SagaRecord {
  return { ...record, status: record.failure === null ? 'running' : 'compensating', reason: null };
}
