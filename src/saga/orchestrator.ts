// The sagas that run in this worker: launched by a start or a claim, waited for, let go at the end.
import { UnavailableError } from '../errors.js';
import { runInScope } from '../scope.js';
import type { Plans } from './definition.js';
import type { Claim, ClaimBound, Hold } from './journal.js';
import { Runner, type RunnerEnd, type RunnerSetting } from './runner.js';
import type { Action } from './state-machine.js';
import { StepScope } from './step-attempt.js';
import { within } from './within.js';

export interface Running {
  readonly runner: Runner;
  /** Never rejects. By then the saga is no longer among the running. */
  readonly done: Promise<RunnerEnd>;
}

/** How a saga came here. */
export type Origin = 'started' | 'claimed';

const othersHaveIt = (): Error => new UnavailableError('STARTING', 'The saga is run by another worker.');

export class Orchestrator {
  readonly #plans: Plans;
  readonly #setting: RunnerSetting;
  readonly #running = new Map<string, Running & { readonly origin: Origin; readonly size: number }>();
  /** How many wait here for a saga, by its id. */
  readonly #waiters = new Map<string, number>();
  #phase: 'open' | 'over' = 'open';

  constructor(plans: Plans, setting: RunnerSetting) {
    this.#plans = plans;
    this.#setting = setting;
  }

  running(sagaId: string): Running | undefined {
    return this.#running.get(sagaId);
  }

  /** Those of the running sagas that came by a claim, and how large they were. */
  get claimed(): Pick<ClaimBound, 'sagas' | 'bytes'> {
    let [sagas, bytes] = [0, 0];
    for (const { origin, size } of this.#running.values()) {
      if (origin !== 'claimed') continue;
      sagas++;
      bytes += size;
    }
    return { sagas, bytes };
  }

  holds(): readonly Hold[] {
    return Array.from(this.#running.values(), ({ runner }) => runner.hold);
  }

  /**
   * @param asked on the setting's clock: before the journal was asked for it
   * @param announced what the journal already holds as begun, right after a start
   */
  launch(claim: Claim, origin: Origin, asked: number, announced?: Action): void {
    const { record, hold, size = 0 } = claim;
    const { log } = this.#setting;
    if (this.#phase === 'over') {
      void this.#free([hold], 'uncounted');
      return;
    }
    const plan = this.#plans.planFor(record);
    if (plan === undefined) {
      void this.#refuse(claim);
      return;
    }
    this.#running.get(hold.sagaId)?.runner.stop(othersHaveIt());
    const runner = new Runner(claim, plan, this.#setting, asked);
    // Outside of the scope that started it: the saga outlives the request.
    const scope = new StepScope(hold.sagaId, Number.POSITIVE_INFINITY, runner.trace, this.#setting.service);
    const done = runInScope(scope, () => runner.run(announced))
      .catch((error: unknown): RunnerEnd => {
        log.error({ err: error, sagaId: hold.sagaId }, 'saga: runner failed; its lease will run out');
        return 'lost';
      })
      .then((end) => {
        if (this.#running.get(hold.sagaId)?.runner === runner) this.#running.delete(hold.sagaId);
        return end;
      });
    this.#running.set(hold.sagaId, { runner, done, origin, size });
  }

  /** Somebody else has the saga now: whatever of it runs here stops. */
  lose(hold: Hold): void {
    const running = this.#running.get(hold.sagaId);
    // A saga that ended meanwhile, or came back under a newer fence, is not meant.
    if (running?.runner.hold !== hold) return;
    this.#setting.log.warn({ sagaId: hold.sagaId }, 'saga: lease lost, stopping');
    running.runner.stop(othersHaveIt());
  }

  /** The journal has prolonged the lease. @param asked as of `launch` */
  prolonged(hold: Hold, asked: number): void {
    const runner = this.#running.get(hold.sagaId)?.runner;
    if (runner?.hold === hold) runner.prolonged(asked);
  }

  /**
   * A step whose lease is about to run out stops before another worker can begin: the journal has not
   * answered for long, or this process was paused.
   */
  breakOffOverdue(): void {
    for (const { runner } of this.#running.values()) {
      const { sagaId } = runner.hold;
      if (!runner.breakOffOverdue()) continue;
      this.#setting.log.warn({ sagaId }, 'saga: lease not prolonged in time, step broken off');
    }
  }

  /** True at the end of a drain: no saga runs here any more. */
  get over(): boolean {
    return this.#phase === 'over';
  }

  /**
   * Somebody of this worker waits for the saga while `work` runs: a drain does not give it to others early.
   */
  async waitedFor<T>(sagaId: string, work: () => Promise<T>): Promise<T> {
    this.#waiters.set(sagaId, (this.#waiters.get(sagaId) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = this.#waiters.get(sagaId)! - 1;
      if (left === 0) this.#waiters.delete(sagaId);
      else this.#waiters.set(sagaId, left);
    }
  }

  /**
   * Lets running steps end: a saga that somebody waits for goes on here, another is let go at its next pause.
   * Breaks off what is left after `withinMs` and frees it for others at once.
   * @param arrivals resolves when nobody can start a saga any more; what is started before is waited for too
   */
  async drain(withinMs: number, arrivals: Promise<void> = Promise.resolve()): Promise<void> {
    const until = performance.now() + withinMs;
    let arriving = true;
    const arrived = arrivals.then(() => {
      arriving = false;
    });
    for (const [sagaId, { runner }] of this.#running) if (!this.#waiters.has(sagaId)) runner.part();
    while ((arriving || this.#running.size > 0) && performance.now() < until) {
      const all = Promise.all([arrived, ...Array.from(this.#running.values(), ({ done }) => done)]);
      await within(all, until - performance.now());
    }
    this.#phase = 'over';
    const left = Array.from(this.#running.values(), ({ runner }) => runner);
    const reason = new UnavailableError('DRAINING', 'The worker stops.');
    for (const runner of left) runner.stop(reason);
    // Something that ran here has brought the worker down: it may have been any step that is broken off.
    await this.#free(
      left.map(({ hold }) => hold),
      this.#setting.hasFailed() ? 'counted' : 'uncounted',
    );
  }

  async #free(holds: readonly Hold[], attempts: 'counted' | 'uncounted'): Promise<void> {
    if (holds.length === 0) return;
    const { journal, log } = this.#setting;
    try {
      await journal.release(holds, attempts);
    } catch (error) {
      log.warn({ err: error, sagas: holds.length }, 'saga: release failed; the leases will run out');
    }
  }

  async #refuse({ hold, record }: Claim): Promise<void> {
    const { journal, log, now, observer } = this.#setting;
    const { sagaId, saga, version } = record;
    const refused = { ...record, status: 'needs-attention', reason: 'DEFINITION_MISSING' } as const;
    try {
      const written = await journal.write(hold, { ...refused, updatedAt: now() }, [], { releaseForMs: 0 });
      if (!written) return;
      log.error({ sagaId, saga, version }, 'saga: no such definition here, needs attention');
      observer.sagaEnded(saga, 'needs-attention');
    } catch (error) {
      log.error({ err: error, sagaId }, 'saga journal: write failed; the saga will be claimed again');
    }
  }
}
