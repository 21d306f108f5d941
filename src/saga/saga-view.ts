// A saga as callers and operators see it.
import type { SagaRecord, SagaSummary } from './journal.js';
import { copyOf } from './json.js';
import type { Json, SagaStatus, SagaView } from './saga.js';

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

export function viewOf(record: SagaRecord): SagaView {
  return {
    sagaId: record.sagaId,
    saga: record.saga,
    version: record.version,
    status: record.status,
    steps: record.steps.map((step) => ({
      name: step.name,
      status: step.status,
      attempts: step.attempts,
      startedAt: iso(step.startedAt),
      finishedAt: iso(step.finishedAt),
      error: copyOf(step.error),
    })),
    results: resultsOf(record),
    error: copyOf(record.failure),
    createdAt: new Date(record.createdAt).toISOString(),
    updatedAt: new Date(record.updatedAt).toISOString(),
    reason: record.reason,
  };
}

/** The results of the steps by name, as a copy; steps without a known result are omitted. */
export function resultsOf(record: SagaRecord): Readonly<Record<string, Json>> {
  const results: Record<string, Json> = {};
  for (const step of record.steps) if (step.result !== undefined) results[step.name] = step.result;
  return copyOf(results);
}

/** One item of `GET /sagas`. */
export interface SagaListItem {
  readonly sagaId: string;
  readonly saga: string;
  readonly version: number;
  readonly status: SagaStatus;
  readonly idempotencyKey: string | null;
  readonly input: Json;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Why the saga needs attention, or the code of the error for which it is compensated; otherwise null. */
  readonly reason: string | null;
}

export function listItemOf(summary: SagaSummary): SagaListItem {
  const { sagaId, saga, version, status, idempotencyKey, input, createdAt, updatedAt, reason } = summary;
  return {
    sagaId,
    saga,
    version,
    status,
    idempotencyKey,
    input,
    createdAt: new Date(createdAt).toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
    reason,
  };
}
