// The contract of this module. A saga is a list of named steps, each with a compensation that undoes it.
// H. Garcia-Molina, K. Salem, "Sagas", SIGMOD 1987.
import type { Logger } from 'pino';
import type { Deadline } from '../deadline.js';

/** A value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What becomes `Json` when it is stored: interfaces, dates and members that are undefined as well. */
export type JsonLike = null | boolean | number | string | object;

/** Results of steps by their names. */
export type StepResults = Readonly<Record<string, Json>>;

/** The tools of a step's context. The engine passes them on unread; the worker fills them in. */
export interface StepTools {
  readonly [tool: string]: unknown;
}

export interface StepContext<Tools = StepTools> {
  readonly sagaId: string;
  /**
   * The idempotency key of the step, stable over retries and restarts: `sagaId/step` for `run` and `resolve`,
   * `sagaId/step/undo` for `compensate`.
   */
  readonly key: string;
  /** The number of this attempt; the first is 1. */
  readonly attempt: number;
  /** Results of the completed steps by name. */
  readonly results: Readonly<Record<string, Json>>;
  /** In `compensate`: the result of the same step, undefined when its outcome stayed unknown. */
  readonly result: Json | undefined;
  /** Aborts at the deadline, and when the worker stops or loses the saga. */
  readonly signal: AbortSignal;
  /** The end of this attempt: its start plus the step's `timeoutMs`. */
  readonly deadline: Deadline;
  readonly log: Logger;
  readonly tools: Tools;
}

/** How often, and after which waits, a step is tried again. */
export interface RetryRule {
  /**
   * Attempts of `run` and `resolve`, the first included. Compensations are retried for 24 hours whatever this
   * says.
   * @default 5
   */
  readonly attempts: number;
  /**
   * Upper bound of the first pause, in milliseconds; it doubles with every failure.
   * @default 100
   */
  readonly backoffMs: number;
  /**
   * Upper bound of every pause, in milliseconds.
   * @default 5000
   */
  readonly maxBackoffMs: number;
}

// biome-ignore lint/suspicious/noConfusingVoidType: a step may simply return nothing
export type StepResult = JsonLike | undefined | void;

/**
 * One step of a saga: its effect, and the compensation of the effect.
 * @typeParam Result what `run` returns and `resolve` finds
 */
export interface SagaStep<
  Input = Json,
  Ctx = StepContext,
  Name extends string = string,
  Result = StepResult,
> {
  /** The name matches `[A-Za-z][A-Za-z0-9._-]{0,62}` and is unique in its saga. */
  readonly name: Name;
  /**
   * The forward effect. It must be idempotent under `ctx.key`, since it may run again after a crash. A
   * BusinessError is final and starts the compensation; any other error is retried.
   */
  run(input: Input, ctx: Ctx): Promise<Result> | Result;
  /** Finds out whether an attempt of unknown outcome took effect. It is called before a retry. */
  resolve?(input: Input, ctx: Ctx): Promise<{ done: Result } | { notDone: true }>;
  /**
   * Undoes the effect. It is retried until it succeeds, and it must succeed when there is nothing to undo: a
   * step whose outcome stayed unknown is compensated too.
   */
  compensate?(input: Input, ctx: Ctx): Promise<void> | void;
  /**
   * How attempts are repeated. Each pause is drawn between half of its bound and the whole.
   * @default { attempts: 5, backoffMs: 100, maxBackoffMs: 5000 }
   */
  readonly retry?: Partial<RetryRule>;
  /**
   * The longest time for one attempt, in milliseconds.
   * @default 10_000
   */
  readonly timeoutMs?: number;
}

/** What a step returns for this result: nothing is stored as null. */
// biome-ignore lint/suspicious/noConfusingVoidType: a step may simply return nothing
type Unstored<Result> = null extends Result ? Result | undefined | void : Result;

/** The steps that have these results. Results of unknown names are any JSON. */
export type StepsOf<Input, Ctx, Results> = string extends keyof Results
  ? SagaStep<Input, Ctx>
  : { [Name in keyof Results & string]: SagaStep<Input, Ctx, Name, Unstored<Results[Name]>> }[keyof Results &
      string];

/**
 * A saga: its steps, and what undoes them.
 * @typeParam Input the input of `sagas.start`
 * @typeParam Results the results of the steps by their names, as JSON: null for a step that returns nothing
 */
export interface SagaDefinition<Input = Json, Ctx = StepContext, Results = StepResults> {
  /** The name matches `[A-Za-z][A-Za-z0-9._-]{0,62}` and is unique in its service. */
  readonly name: string;
  /**
   * A positive integer; increase it when the steps change. A saga that was started with another version is
   * not continued by this definition.
   */
  readonly version: number;
  /** The steps in the order in which they run; they are compensated in reverse. At most 1000. */
  readonly steps: readonly StepsOf<Input, Ctx, Results>[];
}

/** A saga of any input, context and results. */
export interface AnySaga extends Pick<SagaDefinition, 'name' | 'version'> {
  readonly steps: readonly SagaStep<never, never, string, unknown>[];
}

/** Where a saga stands. */
export type SagaStatus =
  | 'running'
  | 'waiting'
  | 'completed'
  | 'compensating'
  | 'compensated'
  | 'needs-attention';
/** Where a step of a saga stands. */
export type StepStatus =
  | 'pending'
  | 'running'
  | 'completed'
  | 'failed'
  | 'unknown'
  | 'compensating'
  | 'compensated';

/** Why a step or a saga has failed. */
export interface SagaError {
  readonly code: string;
  readonly message: string;
}

/** A step of a saga as callers see it; times are ISO 8601. */
export interface StepView {
  readonly name: string;
  readonly status: StepStatus;
  /** Attempts of `run` and `resolve` that have begun. */
  readonly attempts: number;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly error: SagaError | null;
}

/**
 * A saga as callers see it; times are ISO 8601. Once it has the status `completed`, every step has its
 * result.
 */
export type SagaView<Results = StepResults> = CompletedSaga<Results> | UncompletedSaga<Results>;

export interface CompletedSaga<Results> extends SagaState {
  readonly status: 'completed';
  readonly results: Readonly<Results>;
}

export interface UncompletedSaga<Results> extends SagaState {
  readonly status: Exclude<SagaStatus, 'completed'>;
  /** The results of the steps that have completed. */
  readonly results: string extends keyof Results ? Readonly<Results> : Readonly<Partial<Results>>;
}

interface SagaState {
  readonly sagaId: string;
  readonly saga: string;
  readonly version: number;
  readonly steps: readonly StepView[];
  /** The error that started the compensation, with the step that failed; null while the saga goes forward. */
  readonly error: (SagaError & { readonly failedStep: string }) | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Why the saga needs attention, such as `COMPENSATION_FAILED`; otherwise null. */
  readonly reason: string | null;
}

declare const RESULTS: unique symbol;

/** The id of a saga, a text whose type remembers the results of its steps. */
export type SagaId<Results> = string & { readonly [RESULTS]?: Results };

/** A saga that `start` has stored. */
export interface StartedSaga<Results = StepResults> {
  readonly sagaId: SagaId<Results>;
  readonly status: SagaStatus;
  /** False when an earlier start with the same idempotency key created the saga. */
  readonly created: boolean;
}

/** The input of a saga, by its definition or its name. */
export type InputOf<S> = S extends SagaDefinition<infer Input, never, infer _Results> ? Input : JsonLike;

/** The results of a saga, by its definition or its name. */
export type ResultsOf<S> =
  S extends SagaDefinition<infer _Input, never, infer Results> ? Results : StepResults;

/** The `sagas` that a service gets: it starts sagas and reads their status. */
export interface Sagas {
  /**
   * Starts a saga of this service, and resolves once the start is journaled. A repetition with the same key
   * and input resolves with the same saga and `created: false`.
   * @param saga its definition, which gives the types of the input and of the results that `wait` resolves
   *   with, or its name
   * @param options `idempotencyKey`, 1..255 characters: for 24 hours, a second start with the same key starts
   *   no second saga
   * @throws HttpError IDEMPOTENCY_KEY_REUSED for the same key with another input; UnavailableError DRAINING
   *   when the worker stops; ValidationError for an input or a key that cannot be stored; TypeError for a
   *   saga that is not registered or an unknown option
   * @example
   *   const { sagaId } = await sagas.start(checkout, ctx.body, { idempotencyKey: key });
   *   const view = await sagas.wait(sagaId, { timeoutMs: 5000 });
   *   if (view.status === 'completed') return view.results;
   */
  start<S extends string | AnySaga>(
    saga: S,
    input: InputOf<S>,
    options?: { readonly idempotencyKey?: string },
  ): Promise<StartedSaga<ResultsOf<S>>>;
  /**
   * Resolves when the saga has ended, or with its current state after `timeoutMs` milliseconds. The timeout
   * does not end the saga.
   * @throws NotFoundError for an unknown id; TypeError for a timeout that is not 0..2^31-1
   */
  wait<Results = StepResults>(
    sagaId: SagaId<Results> | string,
    options: { readonly timeoutMs: number },
  ): Promise<SagaView<Results>>;
  /** Resolves with the current state of the saga. @throws NotFoundError for an unknown id */
  get<Results = StepResults>(sagaId: SagaId<Results> | string): Promise<SagaView<Results>>;
}
