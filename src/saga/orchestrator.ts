// The sagas that run in this worker: launched by a start or a claim, awaited by callers, released at the end.
import { UnavailableError } from '../errors.js';
import { within } from '../resilience/within.js';
import { runInScope } from '../scope.js';
import type { SagaPlans } from './definition.js';
import type { Claim, ClaimLimits, Hold } from './journal.js';
import { Runner, type RunnerResult } from './runner.js';
import type { RunnerDeps } from './runner-deps.js';
import type { Action } from './state-machine.js';
import { StepScope } from './step-scope.js';

export interface RunningSaga {
  readonly runner: Runner;
  /** Never rejects. When it resolves, the saga is no longer among the running ones. */
  readonly done: Promise<RunnerResult>;
}

/** How a saga came to this worker. */
export type Origin = 'started' | 'claimed';

const runsElsewhere = (): Error => new UnavailableError('STARTING', 'The saga is run by another worker.');

export class Orchestrator {
  readonly #plans: SagaPlans;
  readonly #deps: RunnerDeps;
  readonly #running = new Map<string, RunningSaga & { readonly origin: Origin; readonly size: number }>();
  /** How many callers in this worker wait for a saga, by its id. */
  readonly #waiters = new Map<string, number>();
  #isDrained = false;

  constructor(plans: SagaPlans, deps: RunnerDeps) {
    this.#plans = plans;
    this.#deps = deps;
  }

  running(sagaId: string): RunningSaga | undefined {
    return this.#running.get(sagaId);
  }

  /** How many of the running sagas were claimed, and the bytes of their values. */
  get claimedLoad(): Pick<ClaimLimits, 'sagas' | 'bytes'> {
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
   * @param requestedAt on the clock of the deps, before the journal was queried for the saga
   * @param begun right after a start: the action that the journal already has as begun
   */
  launch(claim: Claim, origin: Origin, requestedAt: number, begun?: Action): void {
    const { record, hold, size = 0 } = claim;
    const { log } = this.#deps;
    if (this.#isDrained) {
      void this.#release([hold], 'uncounted');
      return;
    }
    const plan = this.#plans.planFor(record);
    if (plan === undefined) {
      void this.#refuse(claim);
      return;
    }
    this.#running.get(hold.sagaId)?.runner.stop(runsElsewhere());
    const runner = new Runner(claim, plan, this.#deps, requestedAt);
    // A scope of its own: the saga outlives the request that started it.
    const scope = new StepScope(hold.sagaId, Number.POSITIVE_INFINITY, runner.trace, this.#deps.service);
    const done = runInScope(scope, () => runner.run(begun))
      .catch((error: unknown): RunnerResult => {
        log.error({ err: error, sagaId: hold.sagaId }, 'saga: runner failed; its lease will expire');
        return 'lost';
      })
      .then((result) => {
        if (this.#running.get(hold.sagaId)?.runner === runner) this.#running.delete(hold.sagaId);
        return result;
      });
    this.#running.set(hold.sagaId, { runner, done, origin, size });
  }

  /** Stops a saga that another worker has now. */
  leaseLost(hold: Hold): void {
    const running = this.#running.get(hold.sagaId);
    // A saga that has ended meanwhile, or runs here again under a newer fence, is not stopped.
    if (running?.runner.hold !== hold) return;
    this.#deps.log.warn({ sagaId: hold.sagaId }, 'saga: lease lost; stopping it here');
    running.runner.stop(runsElsewhere());
  }

  /** Records that the journal has renewed the lease. @param requestedAt as of `launch` */
  leaseRenewed(hold: Hold, requestedAt: number): void {
    const runner = this.#running.get(hold.sagaId)?.runner;
    if (runner?.hold === hold) runner.leaseRenewed(requestedAt);
  }

  /**
   * Interrupts steps whose lease is about to expire, before another worker can begin them: the journal has
   * not replied for long, or this process was suspended.
   */
  interruptOverdue(): void {
    for (const { runner } of this.#running.values()) {
      const { sagaId } = runner.hold;
      if (!runner.interruptOverdue()) continue;
      this.#deps.log.warn({ sagaId }, 'saga: lease not renewed in time; step interrupted');
    }
  }

  /** True at the end of a drain: no saga runs here any more. */
  get isDrained(): boolean {
    return this.#isDrained;
  }

  /** Counts a caller that waits for the saga while `work` runs: a drain keeps such a saga here for longer. */
  async whileWaiting<T>(sagaId: string, work: () => Promise<T>): Promise<T> {
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
   * Lets running steps end. A saga that a caller waits for continues here; another is released at its next
   * pause. After `withinMs` the remaining sagas are interrupted and are free for other workers at once.
   * @param arrivals resolves when no request can start a saga any more; sagas started until then are included
   */
  async drain(withinMs: number, arrivals: Promise<void> = Promise.resolve()): Promise<void> {
    const until = performance.now() + withinMs;
    let arriving = true;
    const arrived = arrivals.then(() => {
      arriving = false;
    });
    for (const [sagaId, { runner }] of this.#running) {
      if (!this.#waiters.has(sagaId)) runner.releaseAtNextPause();
    }
    while ((arriving || this.#running.size > 0) && performance.now() < until) {
      const all = Promise.all([arrived, ...Array.from(this.#running.values(), ({ done }) => done)]);
      await within(all, until - performance.now());
    }
    this.#isDrained = true;
    const left = Array.from(this.#running.values(), ({ runner }) => runner);
    const reason = new UnavailableError('DRAINING', 'The worker stops.');
    for (const runner of left) runner.stop(reason);
    // Any of the interrupted steps may be the cause of a failure of the worker.
    await this.#release(
      left.map(({ hold }) => hold),
      this.#deps.hasFailed() ? 'counted' : 'uncounted',
    );
  }

  async #release(holds: readonly Hold[], attempts: 'counted' | 'uncounted'): Promise<void> {
    if (holds.length === 0) return;
    const { journal, log } = this.#deps;
    try {
      await journal.release(holds, attempts);
    } catch (error) {
      log.warn({ err: error, sagas: holds.length }, 'saga: release failed; the leases will expire');
    }
  }

  async #refuse({ hold, record }: Claim): Promise<void> {
    const { journal, log, now, observer } = this.#deps;
    const { sagaId, saga, version } = record;
    const refused = { ...record, status: 'needs-attention', reason: 'DEFINITION_MISSING' } as const;
    try {
      const written = await journal.write(hold, { ...refused, updatedAt: now() }, [], { releaseForMs: 0 });
      if (!written) return;
      log.error({ sagaId, saga, version }, 'saga: no definition for it here; it needs attention');
      observer.sagaEnded(saga, 'needs-attention');
    } catch (error) {
      log.error({ err: error, sagaId }, 'saga journal: write failed; the saga will be claimed again');
    }
  }
}
