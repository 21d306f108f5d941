// Records as columns: what the set-based statements of journal-sql.ts take, one array a column, in its order.
import type { Hold, SagaRecord } from './journal.js';

/** One saga's part of a batch. */
export interface Write {
  /** Undefined: a new saga. */
  readonly hold: Hold | undefined;
  readonly record: SagaRecord;
  readonly positions: readonly number[];
  readonly releaseForMs: number | null;
}

const json = (value: unknown): string => JSON.stringify(value);
const jsonOrNull = (value: unknown): string | null => (value === null ? null : json(value));

export function holdColumns(holds: readonly Hold[]): unknown[] {
  return [holds.map(({ sagaId }) => sagaId), holds.map(({ fence }) => fence)];
}

export function startColumns(starts: readonly Write[]): unknown[] {
  const records = starts.map(({ record }) => record);
  return [
    records.map(({ sagaId }) => sagaId),
    records.map(({ saga }) => saga),
    records.map(({ version }) => version),
    records.map(({ steps }) => `{${steps.map(({ name }) => `"${name}"`).join(',')}}`),
    records.map(({ status }) => status),
    records.map(({ input }) => json(input)),
    records.map(({ idempotencyKey }) => idempotencyKey),
    records.map(({ fingerprint }) => fingerprint),
    records.map(({ traceparent }) => traceparent),
    records.map(({ tracestate }) => tracestate),
    records.map(({ createdAt }) => createdAt),
  ];
}

export function moveColumns(moves: readonly Write[]): unknown[] {
  return [
    moves.map(({ record }) => record.sagaId),
    moves.map(({ hold }) => hold!.fence),
    moves.map(({ record }) => record.status),
    moves.map(({ record }) => jsonOrNull(record.failure)),
    moves.map(({ record }) => record.reason),
    moves.map(({ releaseForMs }) => releaseForMs),
    moves.map(({ record }) => record.updatedAt),
  ];
}

export function stepColumns(writes: readonly Write[]): unknown[] {
  const touched = writes.flatMap(({ record, positions }) =>
    positions.map((position) => ({ sagaId: record.sagaId, position, step: record.steps[position]! })),
  );
  return [
    touched.map(({ sagaId }) => sagaId),
    touched.map(({ position }) => position),
    touched.map(({ step }) => step.name),
    touched.map(({ step }) => step.status),
    touched.map(({ step }) => step.attempts),
    touched.map(({ step }) => (step.result === undefined ? null : json(step.result))),
    touched.map(({ step }) => jsonOrNull(step.error)),
    touched.map(({ step }) => step.startedAt),
    touched.map(({ step }) => step.finishedAt),
    touched.map(({ step }) => step.undoAttempts),
    touched.map(({ step }) => step.undoSince),
    touched.map(({ step }) => step.undoUnended),
  ];
}
