// The contract of this room: a saga is a list of named steps, each with its way back.
// Sagas: H. Garcia-Molina, K. Salem, "Sagas", SIGMOD 1987.
import type { Logger } from 'pino';
import type { Deadline } from '../deadline.js';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What a step may reach. The engine hands it on without looking at it: services/ fills it in. */
export interface StepTools {
  readonly [tool: string]: unknown;
}

export interface StepContext<Tools = StepTools> {
  readonly sagaId: string;
  /** Stable over retries and restarts: `sagaId/step` forward, `sagaId/step/undo` for the compensation. */
  readonly key: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** Results of the completed steps by name. */
  readonly results: Readonly<Record<string, Json>>;
  /** In a compensation: this step's own result, undefined when its outcome stayed unknown. */
  readonly result: Json | undefined;
  readonly signal: AbortSignal;
  readonly deadline: Deadline;
  readonly log: Logger;
  readonly tools: Tools;
}

export interface RetryRule {
  /** Attempts in all, the first included. */
  readonly attempts: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

// biome-ignore lint/suspicious/noConfusingVoidType: a step may simply return nothing
type StepResult = Json | undefined | void;

export interface SagaStep<Input = Json, Ctx = StepContext> {
  readonly name: string;
  /** The forward effect, idempotent under `ctx.key`. BusinessError is final; anything else is retried. */
  run(input: Input, ctx: Ctx): Promise<StepResult> | StepResult;
  /** Asked after an unknown outcome, before a retry. */
  resolve?(input: Input, ctx: Ctx): Promise<{ done: Json } | { notDone: true }>;
  /** Must succeed in the end; an undo of what never happened is a success. */
  compensate?(input: Input, ctx: Ctx): Promise<void> | void;
  /**
   * Default: 5 attempts; pauses of 100 ms doubling up to 5 s, each drawn between half of that and all of it.
   */
  readonly retry?: Partial<RetryRule>;
  /** Milliseconds for one attempt; default 10,000. */
  readonly timeoutMs?: number;
}

export interface SagaDefinition<Input = Json, Ctx = StepContext> {
  readonly name: string;
  readonly version: number;
  readonly steps: readonly SagaStep<Input, Ctx>[];
}

export type SagaStatus =
  | 'running'
  | 'waiting'
  | 'completed'
  | 'compensating'
  | 'compensated'
  | 'needs-attention';
export type StepStatus =
  | 'pending'
  | 'running'
  | 'completed'
  | 'failed'
  | 'unknown'
  | 'compensating'
  | 'compensated';

export interface SagaError {
  readonly code: string;
  readonly message: string;
}

export interface StepView {
  readonly name: string;
  readonly status: StepStatus;
  readonly attempts: number;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly error: SagaError | null;
}

export interface SagaView {
  readonly sagaId: string;
  readonly saga: string;
  readonly version: number;
  readonly status: SagaStatus;
  readonly steps: readonly StepView[];
  readonly results: Readonly<Record<string, Json>>;
  /** The refusal that started the compensation, with the step that made it. */
  readonly error: (SagaError & { readonly failedStep: string }) | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly reason: string | null;
}

export interface StartedSaga {
  readonly sagaId: string;
  readonly status: SagaStatus;
  /** False when the idempotency key had started it before. */
  readonly created: boolean;
}

/** What a service gets as `sagas`. */
export interface Sagas {
  /**
   * Resolves once the start is journaled. Same key and input again: the same saga, `created: false`.
   * @throws HttpError IDEMPOTENCY_KEY_REUSED for the same key with another input; TypeError for an option
   *   that there is not
   */
  start(saga: string, input: Json, options?: { readonly idempotencyKey?: string }): Promise<StartedSaga>;
  /** Resolves when the saga has ended, or with its current state at the timeout. @throws NotFoundError */
  wait(sagaId: string, options: { readonly timeoutMs: number }): Promise<SagaView>;
  /** @throws NotFoundError */
  get(sagaId: string): Promise<SagaView>;
}
