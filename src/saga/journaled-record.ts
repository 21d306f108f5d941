// The record of one running saga as the journal has it, with the hold and the lease under which it is
// written.
import { fullJitterMs } from '../resilience/full-jitter.js';
import { countCompensationTime } from './compensation-time.js';
import type { SagaPlan } from './definition.js';
import { type Hold, type LeaseUpdate, type SagaRecord, UnstorableError } from './journal.js';
import type { RunnerDeps } from './runner-deps.js';
import { Lease } from './saga-lease.js';

const RETRY = { baseMs: 100, maxMs: 5000 };

export class JournaledRecord {
  readonly hold: Hold;
  readonly lease: Lease;
  readonly #plan: SagaPlan;
  readonly #deps: RunnerDeps;
  #current: SagaRecord;
  #isStopped = false;
  #sleeping: AbortController | undefined;

  /** @param requestedAt on `clock`, before the journal was queried for the saga */
  constructor(hold: Hold, record: SagaRecord, plan: SagaPlan, deps: RunnerDeps, requestedAt: number) {
    this.hold = hold;
    this.lease = new Lease(deps.clock, requestedAt);
    this.#current = record;
    this.#plan = plan;
    this.#deps = deps;
  }

  get current(): SagaRecord {
    return this.#current;
  }

  /** True once the hold is lost or released: nothing is written any more. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  stop(): void {
    this.#isStopped = true;
    this.wake();
  }

  /** Ends a sleep early. */
  wake(): void {
    this.#sleeping?.abort();
  }

  /**
   * Repeats the write until it has happened or the hold is lost: a saga is not given up because the database
   * is down. Repeating is harmless, since a write contains the new state and not a change to it.
   * @returns false when the hold is lost
   * @throws UnstorableError
   */
  async write(record: SagaRecord, lease: LeaseUpdate): Promise<boolean> {
    if (record === this.#current && lease === 'renew') return true;
    const { journal, now, clock, random, log } = this.#deps;
    const at = now();
    const dated: SagaRecord = { ...countCompensationTime(record, this.#plan, at), updatedAt: at };
    const before = this.#current.steps;
    const positions = dated.steps.flatMap((step, at) => (step === before[at] ? [] : [at]));
    for (let failures = 1; !this.#isStopped; failures++) {
      const requestedAt = clock();
      try {
        if (!(await journal.write(this.hold, dated, positions, lease))) return false;
        this.lease.renewed(requestedAt);
        this.#current = dated;
        return true;
      } catch (error) {
        if (error instanceof UnstorableError) throw error;
        log.error(
          { err: error, sagaId: record.sagaId, failures },
          'saga journal: write failed; trying again',
        );
        await this.sleep(fullJitterMs(failures, RETRY, random));
      }
    }
    return false;
  }

  /** Resolves after `ms`, or early when it is woken or stopped. */
  async sleep(ms: number): Promise<void> {
    if (this.#isStopped) return;
    const sleeping = new AbortController();
    this.#sleeping = sleeping;
    await this.#deps.sleep(ms, sleeping.signal);
    this.#sleeping = undefined;
  }
}
