// The contract of the journal: what the engine remembers of a saga, and the few ways to change it.
// Nothing happens in the world that is not written here first (intent) or at once after (outcome).
import type { Json, SagaError, SagaStatus, StepStatus } from './saga.js';

/** Times are milliseconds since 1970 on the engine's clock. */
export interface StepRecord {
  readonly name: string;
  readonly status: StepStatus;
  /** Forward attempts begun so far. */
  readonly attempts: number;
  /** Set once completed; undefined before, and for good when the outcome stayed unknown. */
  readonly result: Json | undefined;
  readonly error: SagaError | null;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /**
   * Compensation attempts begun so far, and when the first of them began: later by the time in which no
   * process has tried.
   */
  readonly undoAttempts: number;
  readonly undoSince: number | null;
  /**
   * The latest of them, in a row, that may have brought their worker down: nobody has written their end, or
   * it had failed by then.
   */
  readonly undoUnended: number;
}

/** What started the way back. */
export interface Failure extends SagaError {
  readonly failedStep: string;
}

export interface SagaRecord {
  readonly sagaId: string;
  readonly saga: string;
  readonly version: number;
  readonly status: SagaStatus;
  readonly input: Json;
  readonly idempotencyKey: string | null;
  /** SHA-256 of the canonical JSON of `input`. */
  readonly fingerprint: string;
  /** Null while the saga goes forward: a saga with a failure is on its way back. */
  readonly failure: Failure | null;
  readonly reason: string | null;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** One for every step of the plan, in order. */
  readonly steps: readonly StepRecord[];
}

/** A saga as an operator's list shows it. */
export type SagaSummary = Omit<
  SagaRecord,
  'steps' | 'fingerprint' | 'failure' | 'traceparent' | 'tracestate'
>;

/** The right to run one saga. Whoever shows an older fence than the journal's has lost it. */
export interface Hold {
  readonly sagaId: string;
  readonly fence: number;
}

/** After which a saga that no process knows is claimed all the same, to be shown to an operator. */
export const UNCLAIMED_MS = 600_000;

/**
 * What is claimed beside sagas whose definition is known: none, or those that no process has come for within
 * UNCLAIMED_MS, nor vouched for.
 */
export type ClaimOthers = 'none' | 'unclaimed';

/** What came of a renewal. What is in neither is still held, but another session has locked its row. */
export interface Renewal {
  readonly renewed: readonly Hold[];
  readonly lost: readonly Hold[];
}

/** The plan a saga was started with. */
export interface DefinitionKey {
  readonly saga: string;
  readonly version: number;
  /** Names of the steps, in order. */
  readonly steps: readonly string[];
}

/** What is taken over at a time. */
export interface ClaimBound {
  readonly sagas: number;
  /** Of input and results as JSON, in UTF-8. Behind the saga that reaches the bound come small ones only. */
  readonly bytes: number;
  /** Milliseconds as of `time`: a claim that is held up for longer takes nothing. */
  readonly until: number;
  /**
   * Milliseconds as of `time`: when the lease of a runner that has not released its saga must have run out.
   * Undefined: only what was released is taken.
   */
  readonly lapsedAt: number | undefined;
}

export interface Claim {
  readonly hold: Hold;
  readonly record: SagaRecord;
  /** Bytes of its values when it was claimed; undefined where nobody asks. */
  readonly size?: number;
  /** Whoever ran it has not let it go: a step that had begun was broken off. Default false */
  readonly wasLost?: boolean;
}

/** What a start with the key of an earlier one finds. */
export interface Earlier {
  readonly sagaId: string;
  readonly status: SagaStatus;
  readonly fingerprint: string;
}

export type Created =
  | { readonly created: true; readonly hold: Hold }
  | { readonly created: false; readonly earlier: Earlier };

/** `renew`: still mine. Otherwise: let go, and not to be claimed by anyone for that long. */
export type LeaseAfter = 'renew' | { readonly releaseForMs: number };

export interface ListQuery {
  readonly saga?: string;
  readonly status?: SagaStatus;
  readonly limit: number;
  /** Only sagas started before this one. */
  readonly before?: string;
}

/** The values of a record are such that the journal can never keep them: trying again is of no use. */
export class UnstorableError extends Error {
  override readonly name = 'UnstorableError';
}

/**
 * A journal object writes for one owner: `instance:slot:generation` of a worker. Every method is one durable
 * statement; it has happened when the promise resolves. A rejection leaves open whether it happened, and
 * every method but `claim` and `take` may then be repeated with the same arguments; but after an
 * UnstorableError of `create` or `write` nothing has happened, and nothing will.
 */
export interface Journal {
  /**
   * Writes a new saga, held by this journal's owner, unless its key is taken by one that is younger than
   * `keptSince`, or is neither completed nor compensated: an operator may let it go on.
   */
  create(record: SagaRecord, keptSince: number): Promise<Created>;

  /**
   * Writes the saga row and the steps at `positions`. Resolves false, having changed nothing, when the hold
   * is lost. Rejects when another session has locked the row.
   */
  write(hold: Hold, record: SagaRecord, positions: readonly number[], lease: LeaseAfter): Promise<boolean>;

  load(sagaId: string): Promise<SagaRecord | undefined>;

  /**
   * Takes over unfinished sagas whose lease has run out, oldest first, within `most`; their fences grow.
   */
  claim(most: ClaimBound, known: readonly DefinitionKey[], others: ClaimOthers): Promise<readonly Claim[]>;

  /** Milliseconds since 1970 on the clock that leases are judged by: a wall clock, which may be set. */
  time(): Promise<number>;

  /**
   * Begins leases and pauses anew that lie further ahead than they can have been set: the clock was set back
   * since.
   * @param time as of `time`, what it is at least: does nothing when it is earlier
   * @returns whether there may be more of them
   */
  redate(time: number): Promise<boolean>;

  /** Says that there is a process that knows these, and will claim them when it has room. */
  vouch(known: readonly DefinitionKey[]): Promise<void>;

  /** Takes one saga that nobody runs, whatever its status, for an operator. Undefined when it is held. */
  take(sagaId: string): Promise<Claim | undefined>;

  /** Prolongs leases. A saga that sleeps is left alone. */
  renew(holds: readonly Hold[]): Promise<Renewal>;

  /**
   * Gives holds up, so that anyone may claim the sagas at once. The holds are worth nothing afterwards.
   * With `uncounted`, attempts that are broken off by that count no more: not as `attempts`, nor as
   * `undoUnended`. Only for one who knows that none of them has ended a worker. Attempts that were found
   * begun count all the same, as long as nothing was written under the hold. Rejects when another session has
   * locked rows for long; the others are given up.
   */
  release(holds: readonly Hold[], attempts: 'counted' | 'uncounted'): Promise<void>;

  /** Newest first. */
  list(query: ListQuery): Promise<readonly SagaSummary[]>;
}

/** A saga in one of these needs no runner any more. */
export function hasEnded(status: SagaStatus): boolean {
  return status === 'completed' || status === 'compensated' || status === 'needs-attention';
}
