// Sagas for the tests of journals, and what the cases of the conformance suite share.
import type {
  ClaimLimits,
  CreateResult,
  DefinitionKey,
  Hold,
  Journal,
  SagaRecord,
  StepRecord,
} from '#src/saga/journal.js';
import { pendingStep } from '#src/saga/journal-row.js';
import { newSagaId } from '#src/saga/saga-id.js';

/** A lease that does not expire during a test. */
export const LONG_MS = 3_600_000;

export const RELEASED = { releaseForMs: 0 } as const;

export interface JournalStore {
  /** A journal of another owner on the same store. A lease of 0 ms has expired as soon as it is written. */
  journal(leaseMs: number): Journal;
}

/** What the conformance suite passes to its cases. */
export interface JournalSuite {
  /** A journal with leases of LONG_MS on the store that the cases share. */
  readonly journal: Journal;
  /** A journal of another owner on the same store. */
  journalWith(leaseMs: number): Journal;
  /** Starts a saga. */
  start(record: SagaRecord, leaseMs?: number): Promise<Hold>;
  /** A store of its own. */
  open(): Promise<JournalStore>;
}

/**
 * Limits of a claim: a number of sagas, of any size and at any time, also from runners that have not renewed.
 */
export const upTo = (sagas: number): ClaimLimits => ({
  sagas,
  bytes: Number.MAX_SAFE_INTEGER,
  until: Number.MAX_SAFE_INTEGER,
  lapsedAt: Number.MAX_SAFE_INTEGER,
});

let lastTime = Date.now();

/** A time in milliseconds that is later than the one before. */
export const nextTime = (): number => ++lastTime;

export function sagaRecord(changes: Partial<SagaRecord> = {}): SagaRecord {
  const now = nextTime();
  return {
    sagaId: newSagaId(now),
    saga: 'transfer',
    version: 1,
    status: 'running',
    input: { amount: 10, to: { name: 'Ann "O\'Neil" \\ {x}', tags: [] } },
    idempotencyKey: null,
    fingerprint: 'f1',
    failure: null,
    reason: null,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'a=1',
    createdAt: now,
    updatedAt: now,
    steps: [pendingStep('debit'), pendingStep('credit'), pendingStep('null')],
    ...changes,
  };
}

/** The definitions of these records. */
export const KNOWN: readonly DefinitionKey[] = [
  { saga: 'other', version: 1, steps: ['one'] },
  { saga: 'transfer', version: 1, steps: ['debit', 'credit', 'null'] },
];

export const begun = (name: string): StepRecord => ({
  ...pendingStep(name),
  status: 'running',
  attempts: 1,
  startedAt: nextTime(),
});

export const holdOf = (created: CreateResult): Hold => {
  if (!created.created) throw new Error('not created');
  return created.hold;
};
