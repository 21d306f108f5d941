// Drives one saga: announce in the journal, act, write what came of it, and so on, until it has ended, has to
// sleep for long, or belongs to somebody else.
import { setImmediate as turn } from 'node:timers/promises';
import { DeadlineExceededError } from '../errors.js';
import type { TraceContext } from '../scope.js';
import type { Plan } from './definition.js';
import {
  type Claim,
  type Hold,
  type Journal,
  type LeaseAfter,
  type SagaRecord,
  UnstorableError,
} from './journal.js';
import type { SagaObserver } from './saga-observer.js';
import {
  type Action,
  advance,
  type Effect,
  isLastChance,
  isUndoFailed,
  lostPause,
  type StepOutcome,
  settle,
  unstorable,
} from './state-machine.js';
import { type AttemptSetting, attempt, StepScope } from './step-attempt.js';
import { fullJitter } from './step-pauses.js';
import { traceOf } from './trace.js';
import { countTried } from './tried-time.js';
import type { Turn } from './try-lock.js';

/**
 * Pauses from this on are slept in the journal (`waiting`), so that they outlive the worker and hold nothing.
 */
export const DURABLE_PAUSE_MS = 2000;
/** Behind it the turn of another that has its last chance may be over. */
const LAST_CHANCE_PAUSE_MS = 500;
/** A worker must miss several rounds of renewals in a row before its leases run out. */
export const LEASE_MS = 6000;
/** A step is broken off so long before the lease runs out: for what it does until it hears of it. */
const MARGIN_MS = 500;
const NOT_PROLONGED = 'The lease of the saga ran out before it was prolonged.';
const JOURNAL_RETRY_MS = { first: 100, most: 5000 };

/** `let-go`: anyone may go on with it when it is due. `lost`: somebody else has it, or may have it soon. */
export type RunnerEnd = 'ended' | 'let-go' | 'lost';

export interface RunnerSetting extends AttemptSetting {
  /** True once something that ran in this worker has brought it down. */
  readonly hasFailed: () => boolean;
  readonly journal: Journal;
  readonly observer: SagaObserver;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds that leases are judged by: never goes back. */
  readonly clock: () => number;
  /** [0, 1) */
  readonly random: () => number;
  /**
   * Held by the one saga of the process whose compensation has its last chance: what dies beside it had no
   * part in that death.
   */
  readonly lastChance: Turn;
  /** Resolves after `ms`, or as soon as the signal aborts; never rejects. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Lives from a start or a claim until `run` resolves; of no use afterwards. */
export class Runner {
  readonly hold: Hold;
  readonly #wasLost: boolean;
  readonly #plan: Plan;
  readonly #setting: RunnerSetting;
  /** On `clock`: until then nobody else can have it. */
  #heldUntil: number;
  readonly #trace: TraceContext;
  /** As the journal has it. */
  #record: SagaRecord;
  #stopped = false;
  #parting = false;
  #scope: StepScope | undefined;
  #nap: AbortController | undefined;
  #hasTurn = false;

  /** @param asked on `clock`: before the journal was asked for it */
  constructor({ hold, record, wasLost = false }: Claim, plan: Plan, setting: RunnerSetting, asked: number) {
    this.hold = hold;
    this.#wasLost = wasLost;
    this.#heldUntil = asked + LEASE_MS;
    this.#record = record;
    this.#plan = plan;
    this.#setting = setting;
    this.#trace = traceOf(record.traceparent, record.tracestate);
  }

  get record(): SagaRecord {
    return this.#record;
  }

  /** The lease is about to run out: what runs now may run beside what another worker begins. */
  get isOverdue(): boolean {
    return this.#setting.clock() >= this.#heldUntil - MARGIN_MS;
  }

  /** The journal has prolonged the lease. @param asked as of the constructor */
  prolonged(asked: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, asked + LEASE_MS);
  }

  /** The saga's place in its trace, for the scope it runs in. */
  get trace(): TraceContext {
    return this.#trace;
  }

  /** Lets the saga go at its next pause instead of waiting here. */
  part(): void {
    this.#parting = true;
    this.#nap?.abort();
  }

  /**
   * Breaks the step off if the lease is about to run out. That this attempt has ended is written all the same
   * when the journal answers again, unless another has the saga by then.
   * @returns false when there is none to be broken off
   */
  breakOffOverdue(): boolean {
    const scope = this.#scope;
    if (scope === undefined || !this.isOverdue) return false;
    this.#scope = undefined;
    scope.abort(new DeadlineExceededError(NOT_PROLONGED));
    return true;
  }

  /** The hold is lost or given up: breaks the step off and writes nothing any more. */
  stop(reason: Error): void {
    this.#stopped = true;
    this.#nap?.abort();
    this.#scope?.abort(reason);
  }

  /**
   * @param announced the action that the journal already holds as begun by this runner, right after a start
   */
  async run(announced?: Action): Promise<RunnerEnd> {
    try {
      return await this.#goOn(announced);
    } catch (error) {
      if (!(error instanceof UnstorableError)) throw error;
      const { saga, sagaId } = this.#record;
      this.#setting.log.error(
        { err: error, saga, sagaId },
        'saga journal: what a step has left cannot be kept',
      );
      const written = await this.#write(unstorable(this.#record, this.#setting.now()), { releaseForMs: 0 });
      return written ? this.#ended() : 'lost';
    } finally {
      this.#leaveTurn();
    }
  }

  /** The attempt for which it was taken has ended, and nothing died with it. */
  #leaveTurn(): void {
    if (this.#hasTurn) this.#setting.lastChance.leave();
    this.#hasTurn = false;
  }

  async #goOn(announced?: Action): Promise<RunnerEnd> {
    const pauseMs = this.#wasLost ? lostPause(this.#record, this.#plan, this.#setting) : 0;
    if (pauseMs > 0) {
      const rested = await this.#rest(this.#record, pauseMs);
      if (rested !== 'rested') return rested;
    }
    if (isLastChance(this.#record)) {
      const { lastChance, random } = this.#setting;
      this.#hasTurn = lastChance.take();
      if (!this.#hasTurn) return this.#letGo(this.#record, LAST_CHANCE_PAUSE_MS * (1 + random()));
    }
    let action = announced ?? (await this.#announce(this.#record));
    while (action !== undefined && action.kind !== 'ended') {
      if (this.#stopped) return 'lost';
      const outcome = await this.#act(action);
      // What the attempt has thrown elsewhere is told by then.
      if (action.kind === 'undo') await turn();
      this.#leaveTurn();
      if (this.#stopped) return 'lost';
      const { now, random, hasFailed } = this.#setting;
      const { record, pauseMs } = settle(
        this.#record,
        this.#plan,
        action,
        outcome,
        now(),
        random,
        hasFailed(),
      );
      const isOver = outcome.kind === 'ok' || outcome.kind === 'refused';
      if (pauseMs > 0 || (!isOver && this.#isLeaving)) {
        const rested = await this.#rest(record, pauseMs);
        if (rested !== 'rested') return rested;
        action = await this.#announce(this.#record);
      } else {
        action = await this.#announce(record);
      }
    }
    return action === undefined ? 'lost' : this.#ended();
  }

  #ended(): RunnerEnd {
    const { saga, sagaId, status, reason } = this.#record;
    if (status === 'needs-attention') {
      const stuck = this.#record.steps.find(isUndoFailed);
      const cause = stuck && { step: stuck.name, code: stuck.error?.code };
      this.#setting.log.error({ saga, sagaId, reason, ...cause }, 'saga: needs attention');
    }
    if (status === 'completed' || status === 'compensated' || status === 'needs-attention') {
      this.#setting.observer.sagaEnded(saga, status);
    }
    return 'ended';
  }

  /** Writes what came of the last action and what is to come in one. Undefined: the hold is lost. */
  async #announce(settled: SagaRecord): Promise<Action | undefined> {
    const { record, action } = advance(settled, this.#plan, this.#setting.now());
    const written = await this.#write(record, action.kind === 'ended' ? { releaseForMs: 0 } : 'renew');
    return written ? action : undefined;
  }

  async #act(effect: Effect): Promise<StepOutcome> {
    // The journal took too long to say that it was announced.
    if (this.isOverdue) {
      return { kind: 'unknown', error: { code: 'DEADLINE_EXCEEDED', message: NOT_PROLONGED } };
    }
    const { observer, service } = this.#setting;
    const { sagaId, saga } = this.#record;
    const { name, timeoutMs } = this.#plan.steps[effect.position]!;
    const { kind } = effect;
    if (kind !== 'resolve' && effect.attempt > 1) observer.stepRetried(saga, name);
    const event = { saga, sagaId, step: name, kind, attempt: effect.attempt, parent: this.#trace };
    const span = observer.stepStarted(event);
    const scope = new StepScope(sagaId, timeoutMs, span?.trace ?? this.#trace, service);
    this.#scope = scope;
    const outcome = await attempt(effect, this.#record, this.#plan, scope, this.#setting);
    this.#scope = undefined;
    span?.end(outcome.kind, 'error' in outcome ? outcome.error : undefined);
    return outcome;
  }

  /** A worker that has failed tries nothing again: it could not be told what brought it down. */
  get #isLeaving(): boolean {
    return this.#parting || this.#setting.hasFailed();
  }

  async #rest(record: SagaRecord, pauseMs: number): Promise<'rested' | 'let-go' | 'lost'> {
    if (pauseMs >= DURABLE_PAUSE_MS || this.#isLeaving) return this.#letGo(record, pauseMs);
    if (!(await this.#write(record, 'renew'))) return 'lost';
    const until = this.#setting.clock() + pauseMs;
    await this.#sleep(pauseMs);
    if (this.#stopped) return 'lost';
    return this.#isLeaving ? this.#letGo(record, Math.max(0, until - this.#setting.clock())) : 'rested';
  }

  async #letGo(record: SagaRecord, pauseMs: number): Promise<'let-go' | 'lost'> {
    const written = await this.#write({ ...record, status: 'waiting' }, { releaseForMs: pauseMs });
    return written ? 'let-go' : 'lost';
  }

  /**
   * Until it has happened or the hold is lost: a saga is not given up because the database is away. Repeating
   * is harmless, since the write says how things are and not what is to be added.
   * @throws UnstorableError
   */
  async #write(record: SagaRecord, lease: LeaseAfter): Promise<boolean> {
    if (record === this.#record && lease === 'renew') return true;
    const { journal, now, clock, random, log } = this.#setting;
    const at = now();
    const dated: SagaRecord = { ...countTried(record, this.#plan, at), updatedAt: at };
    const before = this.#record.steps;
    const positions = dated.steps.flatMap((step, at) => (step === before[at] ? [] : [at]));
    for (let failures = 1; !this.#stopped; failures++) {
      const asked = clock();
      try {
        if (!(await journal.write(this.hold, dated, positions, lease))) return false;
        this.prolonged(asked);
        this.#record = dated;
        return true;
      } catch (error) {
        if (error instanceof UnstorableError) throw error;
        log.error(
          { err: error, sagaId: record.sagaId, failures },
          'saga journal: write failed, trying again',
        );
        await this.#sleep(fullJitter(JOURNAL_RETRY_MS.first, failures, JOURNAL_RETRY_MS.most, random));
      }
    }
    return false;
  }

  async #sleep(ms: number): Promise<void> {
    if (this.#stopped) return;
    const nap = new AbortController();
    this.#nap = nap;
    await this.#setting.sleep(ms, nap.signal);
    this.#nap = undefined;
  }
}
