// The contract of the journal: the stored state of a saga, and the operations that change it. Every effect of
// a step is journaled before it begins (intent) and right after it ends (outcome). pg-journal.ts implements
// it.
import type { Json, SagaError, SagaStatus, StepStatus } from './saga.js';

/** Times are milliseconds since 1970 on the engine's clock. */
export interface StepRecord {
  readonly name: string;
  readonly status: StepStatus;
  /** Forward attempts that have begun. */
  readonly attempts: number;
  /** Set once the step has completed. Undefined before, and in a step whose outcome stayed unknown. */
  readonly result: Json | undefined;
  readonly error: SagaError | null;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** Compensation attempts that have begun. */
  readonly undoAttempts: number;
  /**
   * When the first compensation attempt began. It is moved to a later time by each period in which no process
   * tried the compensation, so such periods do not count (compensation-time.ts).
   */
  readonly undoSince: number | null;
  /**
   * The number of latest compensation attempts in a row that may have crashed their worker: their end was
   * never written, or the worker had failed by then.
   */
  readonly undoUnended: number;
}

/** The error that started the compensation. */
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
  /** Null while the saga goes forward; a saga with a failure compensates. */
  readonly failure: Failure | null;
  readonly reason: string | null;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** One record for every step of the plan, in its order. */
  readonly steps: readonly StepRecord[];
}

/** A saga as an item of an operator's list. */
export type SagaSummary = Omit<
  SagaRecord,
  'steps' | 'fingerprint' | 'failure' | 'traceparent' | 'tracestate'
>;

/**
 * The right to run one saga. `fence` is a fencing token: it grows with every owner, and a write with an older
 * one than the journal's is refused.
 */
export interface Hold {
  readonly sagaId: string;
  readonly fence: number;
}

/**
 * A saga that no process has claimed or marked as known for this long is claimed although its definition is
 * unknown, so that an operator sees it.
 */
export const UNCLAIMED_MS = 600_000;

/**
 * Which sagas of unknown definitions a claim includes: none, or those that no process has claimed or marked
 * as known within UNCLAIMED_MS.
 */
export type ClaimOthers = 'none' | 'unclaimed';

/** The result of a renewal. A hold in neither list is still valid, but another session has locked its row. */
export interface Renewal {
  readonly renewed: readonly Hold[];
  readonly lost: readonly Hold[];
}

/** Identifies the plan that a saga was started with. */
export interface DefinitionKey {
  readonly saga: string;
  readonly version: number;
  /** Names of the steps, in order. */
  readonly steps: readonly string[];
}

/** The limits of one claim. */
export interface ClaimLimits {
  readonly sagas: number;
  /**
   * Bytes of input and results as UTF-8 JSON. After the saga that reaches this limit only small ones are
   * claimed.
   */
  readonly bytes: number;
  /** Milliseconds on the clock of `time`: a claim that is delayed beyond this moment claims nothing. */
  readonly until: number;
  /**
   * Milliseconds on the clock of `time`: the lease of a runner that has not released its saga must have
   * expired by then. Undefined: only released sagas are claimed.
   */
  readonly lapsedAt: number | undefined;
}

export interface Claim {
  readonly hold: Hold;
  readonly record: SagaRecord;
  /** Bytes of its values when it was claimed; undefined where they are not needed. */
  readonly size?: number;
  /**
   * True when the last runner did not release the saga, so a step that had begun was interrupted.
   * @default false
   */
  readonly wasRunnerLost?: boolean;
}

/** The saga that an earlier start with the same key created. */
export interface EarlierStart {
  readonly sagaId: string;
  readonly status: SagaStatus;
  readonly fingerprint: string;
}

export type CreateResult =
  | { readonly created: true; readonly hold: Hold }
  | { readonly created: false; readonly earlier: EarlierStart };

/** `renew` keeps the lease. Otherwise the saga is released and may be claimed after `releaseForMs`. */
export type LeaseUpdate = 'renew' | { readonly releaseForMs: number };

export interface ListQuery {
  readonly saga?: string;
  readonly status?: SagaStatus;
  readonly limit: number;
  /** Only sagas that were started before this one. */
  readonly before?: string;
}

/** The journal can never store the values of a record, so repeating the write does not help. */
export class UnstorableError extends Error {
  override readonly name = 'UnstorableError';
}

/**
 * A journal object writes for one owner: `instance:slot:generation` of a worker. Every method is one durable
 * statement that has happened when the promise resolves. A rejection leaves open whether it happened, and
 * every method but `claim` and `take` may then be repeated with the same arguments. After an UnstorableError
 * of `create` or `write` nothing has happened, and nothing will.
 */
export interface Journal {
  /**
   * Writes a new saga, held by this journal's owner, unless an earlier saga has its key. An earlier saga
   * keeps its key when it is younger than `keptSince`, and also as long as it is neither completed nor
   * compensated, because it may still continue.
   */
  create(record: SagaRecord, keptSince: number): Promise<CreateResult>;

  /**
   * Writes the saga row and the steps at `positions`. Resolves false, having changed nothing, when the hold
   * is lost. Rejects when another session has locked the row.
   */
  write(hold: Hold, record: SagaRecord, positions: readonly number[], lease: LeaseUpdate): Promise<boolean>;

  load(sagaId: string): Promise<SagaRecord | undefined>;

  /**
   * Takes over unfinished sagas that were released or whose lease has expired, oldest first, within `limits`,
   * and increases their fences.
   */
  claim(limits: ClaimLimits, known: readonly DefinitionKey[], others: ClaimOthers): Promise<readonly Claim[]>;

  /** Milliseconds since 1970 on the clock that dates the leases: a wall clock, which may be set. */
  time(): Promise<number>;

  /**
   * Restarts leases and pauses whose ends are too far in the future. They were written before the clock was
   * set back, and without this their sagas would wait until the clock shows those times again.
   * @param time the earliest time that the clock of the leases can show now. If it shows an earlier one, it
   *   was set back once more, and nothing is changed
   * @returns whether there may be more such leases and pauses
   */
  redate(time: number): Promise<boolean>;

  /** Records that a process knows these definitions and will claim their sagas when it has capacity. */
  markKnown(known: readonly DefinitionKey[]): Promise<void>;

  /** Takes one saga without a runner, whatever its status, for an operator. Undefined when it is held. */
  take(sagaId: string): Promise<Claim | undefined>;

  /** Renews leases. A waiting saga is not changed. */
  renew(holds: readonly Hold[]): Promise<Renewal>;

  /**
   * Releases sagas, so that other workers may claim them at once; the holds are void afterwards. With
   * `uncounted`, attempts that are interrupted by this no longer count as `attempts` or `undoUnended`. Only a
   * caller that knows that none of them has crashed a worker may use it. An attempt of an earlier holder
   * counts all the same, as long as the present holder has written nothing. Rejects when another session has
   * locked rows for long; the other sagas are released.
   */
  release(holds: readonly Hold[], attempts: 'counted' | 'uncounted'): Promise<void>;

  /** Newest first. */
  list(query: ListQuery): Promise<readonly SagaSummary[]>;
}

/** True for a status in which a saga needs no runner any more. */
export function hasEnded(status: SagaStatus): boolean {
  return status === 'completed' || status === 'compensated' || status === 'needs-attention';
}
