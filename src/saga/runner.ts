// Runs one saga: it journals the next action, performs it, journals the outcome, and so on, until the saga
// has ended, has to pause for long, or belongs to another worker.
import { setImmediate as loopTurn } from 'node:timers/promises';
import { DeadlineExceededError } from '../errors.js';
import type { TraceContext } from '../scope.js';
import type { SagaPlan } from './definition.js';
import { isLastChance, pauseAfterLostRunner, unstorableRecord } from './interrupted.js';
import { type Claim, type Hold, type SagaRecord, UnstorableError } from './journal.js';
import { JournaledRecord } from './journaled-record.js';
import type { RunnerDeps } from './runner-deps.js';
import { traceOf } from './saga-trace.js';
import { settle } from './settle.js';
import { type Action, advance, type Effect, type StepOutcome } from './state-machine.js';
import { attemptStep } from './step-attempt.js';
import { isUndoFailed } from './step-record.js';
import { StepScope } from './step-scope.js';

/**
 * Pauses from this length on are kept in the journal (status `waiting`), so that they outlive the worker and
 * hold nothing.
 */
export const DURABLE_PAUSE_MS = 2000;
/** The pause of a saga that could not get the last-chance lock; the holder may have finished by then. */
const LAST_CHANCE_PAUSE_MS = 500;
const NOT_RENEWED = 'The lease of the saga expired before it was renewed.';

/**
 * How a run ended. `released`: any worker may continue the saga when it is due. `lost`: another worker has
 * it, or may have it soon.
 */
export type RunnerResult = 'ended' | 'released' | 'lost';

/** A runner exists from a start or a claim until `run` resolves; it cannot be used again. */
export class Runner {
  readonly #wasRunnerLost: boolean;
  /** No step has run since the runner before was lost. */
  #isRecovered: boolean;
  readonly #plan: SagaPlan;
  readonly #deps: RunnerDeps;
  readonly #journaled: JournaledRecord;
  /** The trace of the saga, for the scope in which it runs. */
  readonly trace: TraceContext;
  #releasesAtNextPause = false;
  #scope: StepScope | undefined;
  #hasLastChanceLock = false;

  /** @param requestedAt on `clock`, before the journal was queried for the saga */
  constructor(claim: Claim, plan: SagaPlan, deps: RunnerDeps, requestedAt: number) {
    const { hold, record, wasRunnerLost = false } = claim;
    this.#wasRunnerLost = wasRunnerLost;
    this.#isRecovered = wasRunnerLost;
    this.#plan = plan;
    this.#deps = deps;
    this.#journaled = new JournaledRecord(hold, record, plan, deps, requestedAt);
    this.trace = traceOf(record.traceparent, record.tracestate, record.sagaId);
  }

  get hold(): Hold {
    return this.#journaled.hold;
  }

  /** The record as the journal has it. */
  get record(): SagaRecord {
    return this.#journaled.current;
  }

  /** Records that the journal has renewed the lease. @param requestedAt as in the constructor */
  leaseRenewed(requestedAt: number): void {
    this.#journaled.lease.renewed(requestedAt);
  }

  /** Releases the saga at its next pause instead of waiting here. */
  releaseAtNextPause(): void {
    this.#releasesAtNextPause = true;
    this.#journaled.wake();
  }

  /**
   * Interrupts the current step if the lease is about to expire. That this attempt has ended is written all
   * the same when the journal replies again, unless another worker has the saga by then.
   * @returns false when there is no step to interrupt
   */
  interruptOverdue(): boolean {
    const scope = this.#scope;
    if (scope === undefined || !this.#journaled.lease.isOverdue) return false;
    this.#scope = undefined;
    scope.abort(new DeadlineExceededError(NOT_RENEWED));
    return true;
  }

  /** Interrupts the step and writes nothing any more: the hold is lost or released. */
  stop(reason: Error): void {
    this.#journaled.stop();
    this.#scope?.abort(reason);
  }

  /** @param begun right after a start: the action that the journal already has as begun by this runner */
  async run(begun?: Action): Promise<RunnerResult> {
    try {
      return await this.#drive(begun);
    } catch (error) {
      if (!(error instanceof UnstorableError)) throw error;
      const { saga, sagaId } = this.record;
      this.#deps.log.error(
        { err: error, saga, sagaId },
        'saga journal: cannot store what a step returned or threw; the saga needs attention',
      );
      const unstorable = unstorableRecord(this.record, this.#deps.now());
      const written = await this.#journaled.write(unstorable, { releaseForMs: 0 });
      return written ? this.#ended() : 'lost';
    } finally {
      this.#releaseLastChanceLock();
    }
  }

  async #drive(begun?: Action): Promise<RunnerResult> {
    const pauseMs = this.#wasRunnerLost ? pauseAfterLostRunner(this.record, this.#plan, this.#deps) : 0;
    if (pauseMs > 0) {
      const paused = await this.#pause(this.record, pauseMs);
      if (paused !== 'resumed') return paused;
    }
    if (isLastChance(this.record)) {
      const { lastChanceLock, random } = this.#deps;
      this.#hasLastChanceLock = lastChanceLock.tryAcquire();
      if (!this.#hasLastChanceLock) return this.#release(this.record, LAST_CHANCE_PAUSE_MS * (1 + random()));
    }
    let action = begun ?? (await this.#beginNext(this.record));
    while (action !== undefined && action.kind !== 'ended') {
      if (this.#journaled.isStopped) return 'lost';
      const outcome = await this.#perform(action);
      // Errors that the attempt has thrown outside of its promise have been reported by then.
      if (action.kind === 'undo') await loopTurn();
      this.#releaseLastChanceLock();
      if (this.#journaled.isStopped) return 'lost';
      const { now, random, hasFailed } = this.#deps;
      const { record, pauseMs } = settle(
        this.record,
        this.#plan,
        action,
        outcome,
        now(),
        random,
        hasFailed(),
      );
      const isSettled = outcome.kind === 'ok' || outcome.kind === 'refused';
      if (pauseMs > 0 || (!isSettled && this.#mustRelease)) {
        const paused = await this.#pause(record, pauseMs);
        if (paused !== 'resumed') return paused;
        action = await this.#beginNext(this.record);
      } else {
        action = await this.#beginNext(record);
      }
    }
    return action === undefined ? 'lost' : this.#ended();
  }

  /** Releases the lock when the attempt for which it was taken has ended without a crash. */
  #releaseLastChanceLock(): void {
    if (this.#hasLastChanceLock) this.#deps.lastChanceLock.release();
    this.#hasLastChanceLock = false;
  }

  #ended(): RunnerResult {
    const { saga, sagaId, status, reason, steps } = this.record;
    if (status === 'needs-attention') {
      const stuck = steps.find(isUndoFailed);
      const cause = stuck && { step: stuck.name, code: stuck.error?.code };
      this.#deps.log.error({ saga, sagaId, reason, ...cause }, 'saga: needs attention');
    }
    if (status === 'completed' || status === 'compensated' || status === 'needs-attention') {
      this.#deps.observer.sagaEnded(saga, status);
    }
    return 'ended';
  }

  /** Writes the last outcome and the next action in one. Undefined: the hold is lost. */
  async #beginNext(settled: SagaRecord): Promise<Action | undefined> {
    const { record, action } = advance(settled, this.#plan, this.#deps.now());
    const lease = action.kind === 'ended' ? { releaseForMs: 0 } : 'renew';
    return (await this.#journaled.write(record, lease)) ? action : undefined;
  }

  async #perform(effect: Effect): Promise<StepOutcome> {
    // The journal took so long to confirm the write that the lease is about to expire.
    if (this.#journaled.lease.isOverdue) {
      return { kind: 'unknown', error: { code: 'DEADLINE_EXCEEDED', message: NOT_RENEWED } };
    }
    const { observer, service } = this.#deps;
    const { sagaId, saga } = this.record;
    const { name, timeoutMs } = this.#plan.steps[effect.position]!;
    const { kind } = effect;
    if (kind !== 'resolve' && effect.attempt > 1) observer.stepRetried(saga, name);
    const isRecovered = this.#isRecovered;
    this.#isRecovered = false;
    const event = {
      saga,
      sagaId,
      step: name,
      kind,
      attempt: effect.attempt,
      isRecovered,
      parent: this.trace,
    };
    const span = observer.stepStarted(event);
    const scope = new StepScope(sagaId, timeoutMs, span?.trace ?? this.trace, service);
    this.#scope = scope;
    const outcome = await attemptStep(effect, this.record, this.#plan, scope, this.#deps);
    this.#scope = undefined;
    span?.end(outcome.kind, 'error' in outcome ? outcome.error : undefined);
    return outcome;
  }

  /**
   * A worker that has failed repeats no step, since nothing shows which step caused the failure.
   */
  get #mustRelease(): boolean {
    return this.#releasesAtNextPause || this.#deps.hasFailed();
  }

  async #pause(record: SagaRecord, pauseMs: number): Promise<'resumed' | 'released' | 'lost'> {
    if (pauseMs >= DURABLE_PAUSE_MS || this.#mustRelease) return this.#release(record, pauseMs);
    if (!(await this.#journaled.write(record, 'renew'))) return 'lost';
    const until = this.#deps.clock() + pauseMs;
    await this.#journaled.sleep(pauseMs);
    if (this.#journaled.isStopped) return 'lost';
    return this.#mustRelease ? this.#release(record, Math.max(0, until - this.#deps.clock())) : 'resumed';
  }

  async #release(record: SagaRecord, pauseMs: number): Promise<'released' | 'lost'> {
    const waiting: SagaRecord = { ...record, status: 'waiting' };
    return (await this.#journaled.write(waiting, { releaseForMs: pauseMs })) ? 'released' : 'lost';
  }
}
