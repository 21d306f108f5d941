// Rows of the journal's tables, and the records they become.
import type { Claim, Failure, SagaRecord, SagaSummary, StepRecord } from './journal.js';
import type { Json, SagaStatus } from './saga.js';

export interface SummaryRow {
  readonly saga_id: string;
  readonly saga: string;
  readonly version: number;
  readonly status: SagaStatus;
  readonly input: Json;
  readonly idempotency_key: string | null;
  readonly reason: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface SagaRow extends SummaryRow {
  readonly steps: readonly string[];
  readonly fingerprint: string;
  readonly failure: Failure | null;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  readonly fence: number | string;
  /** Its status before it was claimed. */
  readonly previous_status?: SagaStatus;
  /** Bytes of its values when it was claimed. The driver returns a sum as text. */
  readonly size?: number | string;
  /** Null when no step has begun. */
  readonly step_rows: readonly StepRow[] | null;
}

interface StepRow extends Omit<StepRecord, 'result'> {
  readonly position: number;
  /** True when the step has a result, which may be a JSON null. */
  readonly done: boolean;
  readonly result: Json;
}

export function pendingStep(name: string): StepRecord {
  return {
    name,
    status: 'pending',
    attempts: 0,
    result: undefined,
    error: null,
    startedAt: null,
    finishedAt: null,
    undoAttempts: 0,
    undoSince: null,
    undoUnended: 0,
  };
}

export function summaryOf(row: SummaryRow): SagaSummary {
  return {
    sagaId: row.saga_id,
    saga: row.saga,
    version: row.version,
    status: row.status,
    input: row.input,
    idempotencyKey: row.idempotency_key,
    reason: row.reason,
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
  };
}

export function recordOf(row: SagaRow): SagaRecord {
  const steps = row.steps.map(pendingStep);
  for (const { position, done, result, ...step } of row.step_rows ?? []) {
    steps[position] = { ...step, result: done ? result : undefined };
  }
  return {
    ...summaryOf(row),
    fingerprint: row.fingerprint,
    failure: row.failure,
    traceparent: row.traceparent,
    tracestate: row.tracestate,
    steps,
  };
}

export function claimOf(row: SagaRow): Claim {
  const { saga_id: sagaId, fence, previous_status: previous, size = 0 } = row;
  const wasRunnerLost = previous !== undefined && previous !== 'waiting';
  return { hold: { sagaId, fence: Number(fence) }, record: recordOf(row), wasRunnerLost, size: Number(size) };
}
