// The simplest journal, in memory, for tests that need their own clock or very many runs.
import { ExpectedTime } from '#src/saga/expected-time.js';
import type {
  Claim,
  ClaimLimits,
  ClaimOthers,
  CreateResult,
  DefinitionKey,
  Hold,
  Journal,
  LeaseUpdate,
  ListQuery,
  Renewal,
  SagaRecord,
  SagaSummary,
} from '#src/saga/journal.js';
import { hasEnded, UNCLAIMED_MS } from '#src/saga/journal.js';

const SMALL = 16_384;

interface Stored {
  record: SagaRecord;
  fence: number;
  leaseUntil: number;
  keyRetired: boolean;
  /** True when its holder has written since it was claimed. */
  isWritten: boolean;
  /** True while its runner has not released it. */
  isHeld?: boolean;
  /** The pause of a waiting saga, in milliseconds. */
  pauseMs?: number;
}

/** The store that all journals of one test share. */
export class MemoryStore {
  readonly sagas = new Map<string, Stored>();
  readonly now: () => number;

  constructor(now: () => number = Date.now) {
    this.now = now;
  }

  records(): SagaRecord[] {
    return Array.from(this.sagas.values(), ({ record }) => record);
  }
}

export class MemoryJournal implements Journal {
  readonly #store: MemoryStore;
  readonly #leaseMs: number;
  readonly #clock: () => number;
  readonly #expected = new ExpectedTime();

  /** @param clock the monotonic clock of the process */
  constructor(store: MemoryStore, leaseMs: number, clock: () => number = store.now) {
    this.#store = store;
    this.#leaseMs = leaseMs;
    this.#clock = clock;
  }

  async create(record: SagaRecord, keptSince: number): Promise<CreateResult> {
    const { sagaId, saga, idempotencyKey } = record;
    const created: CreateResult = { created: true, hold: { sagaId, fence: 1 } };
    if (this.#store.sagas.has(sagaId)) return created;
    for (const stored of this.#store.sagas.values()) {
      const other = stored.record;
      const sameKey = other.saga === saga && other.idempotencyKey === idempotencyKey && !stored.keyRetired;
      if (idempotencyKey === null || !sameKey) continue;
      const isOver = other.status === 'completed' || other.status === 'compensated';
      if (isOver && other.createdAt < keptSince) {
        stored.keyRetired = true;
      } else {
        const { status, fingerprint } = other;
        return { created: false, earlier: { sagaId: other.sagaId, status, fingerprint } };
      }
    }
    const leaseUntil = this.#in(this.#leaseMs);
    const stored = { record, fence: 1, leaseUntil, keyRetired: false, isWritten: true, isHeld: true };
    this.#store.sagas.set(sagaId, stored);
    return created;
  }

  async write(
    hold: Hold,
    record: SagaRecord,
    positions: readonly number[],
    lease: LeaseUpdate,
  ): Promise<boolean> {
    const stored = this.#held(hold);
    if (stored === undefined) return false;
    const steps = stored.record.steps.map((step, at) => (positions.includes(at) ? record.steps[at]! : step));
    const { status, failure, reason, updatedAt } = record;
    stored.record = { ...stored.record, status, failure, reason, updatedAt, steps };
    stored.isWritten = true;
    stored.leaseUntil = this.#in(lease === 'renew' ? this.#leaseMs : lease.releaseForMs);
    if (lease !== 'renew') Object.assign(stored, { isHeld: false, pauseMs: lease.releaseForMs });
    return true;
  }

  async load(sagaId: string): Promise<SagaRecord | undefined> {
    return this.#store.sagas.get(sagaId)?.record;
  }

  async claim(
    { sagas, bytes, until, lapsedAt = Number.NEGATIVE_INFINITY }: ClaimLimits,
    known: readonly DefinitionKey[],
    others: ClaimOthers,
  ): Promise<readonly Claim[]> {
    const now = this.#store.now();
    const unclaimedMs = others === 'unclaimed' ? UNCLAIMED_MS : Number.POSITIVE_INFINITY;
    let taken = 0;
    return [...this.#store.sagas.values()]
      .filter(({ record, leaseUntil }) => !hasEnded(record.status) && leaseUntil <= now)
      .filter(({ isHeld, leaseUntil }) => !isHeld || leaseUntil <= lapsedAt)
      .filter(({ record, leaseUntil }) => isKnown(record, known) || leaseUntil <= now - unclaimedMs)
      .sort((a, b) => a.record.updatedAt - b.record.updatedAt)
      .filter(({ record }) => now <= until && (bytes > 0 || sizeOf(record) < SMALL))
      .slice(0, sagas)
      .filter(({ record }) => {
        const isWithin = taken < bytes || sizeOf(record) < SMALL;
        taken += sizeOf(record);
        return isWithin;
      })
      .map((stored) => {
        const wasRunnerLost = stored.record.status !== 'waiting';
        const status = stored.record.failure === null ? 'running' : 'compensating';
        stored.record = { ...stored.record, status };
        return { ...this.#hand(stored), wasRunnerLost, size: sizeOf(stored.record) };
      });
  }

  async time(): Promise<number> {
    const time = this.#store.now();
    this.#expected.read(time, this.#clock());
    return time;
  }

  async redate(time: number): Promise<boolean> {
    const now = this.#store.now();
    for (const stored of this.#store.sagas.values()) {
      const { record, leaseUntil, pauseMs = 0 } = stored;
      const lengthMs = record.status === 'waiting' ? pauseMs : this.#leaseMs;
      const isAhead = !hasEnded(record.status) && leaseUntil > now + lengthMs;
      if (isAhead && now >= time) stored.leaseUntil = now + lengthMs;
    }
    return false;
  }

  async markKnown(known: readonly DefinitionKey[]): Promise<void> {
    const now = this.#store.now();
    for (const stored of this.#store.sagas.values()) {
      const isDue = !hasEnded(stored.record.status) && stored.leaseUntil <= now;
      if (isDue && isKnown(stored.record, known)) stored.leaseUntil = now;
    }
  }

  async take(sagaId: string): Promise<Claim | undefined> {
    const stored = this.#store.sagas.get(sagaId);
    if (stored === undefined) return undefined;
    const { status } = stored.record;
    const idle = status === 'waiting' || status === 'needs-attention';
    const left = !hasEnded(status) && stored.leaseUntil <= this.#store.now();
    return idle || left ? this.#hand(stored) : undefined;
  }

  async renew(holds: readonly Hold[]): Promise<Renewal> {
    const renewed = holds.filter((hold) => {
      const stored = this.#held(hold);
      if (stored === undefined || stored.record.status === 'waiting') return false;
      stored.leaseUntil = this.#in(this.#leaseMs);
      return true;
    });
    return { renewed, lost: holds.filter((hold) => this.#held(hold) === undefined) };
  }

  async release(holds: readonly Hold[], attempts: 'counted' | 'uncounted'): Promise<void> {
    for (const hold of holds) {
      const stored = this.#held(hold);
      if (stored === undefined || !['running', 'compensating'].includes(stored.record.status)) continue;
      stored.fence++;
      stored.isHeld = false;
      stored.leaseUntil = this.#store.now();
      if (attempts === 'counted' || !stored.isWritten) continue;
      const steps = stored.record.steps.map((step) => ({
        ...step,
        undoUnended: 0,
        attempts: step.status === 'running' ? Math.max(0, step.attempts - 1) : step.attempts,
      }));
      stored.record = { ...stored.record, steps };
    }
  }

  async list({ saga, status, limit, before }: ListQuery): Promise<readonly SagaSummary[]> {
    return this.#store
      .records()
      .filter((record) => saga === undefined || record.saga === saga)
      .filter((record) => status === undefined || record.status === status)
      .filter((record) => before === undefined || record.sagaId < before)
      .sort((a, b) => (a.sagaId < b.sagaId ? 1 : -1))
      .slice(0, limit)
      .map(({ steps: _s, fingerprint: _f, failure, traceparent: _p, tracestate: _t, ...rest }) => ({
        ...rest,
        reason: rest.reason ?? failure?.code ?? null,
      }));
  }

  #in(ms: number): number {
    const now = this.#store.now();
    return Math.max(now, this.#expected.at(this.#clock()) ?? now) + ms;
  }

  #held({ sagaId, fence }: Hold): Stored | undefined {
    const stored = this.#store.sagas.get(sagaId);
    return stored?.fence === fence ? stored : undefined;
  }

  #hand(stored: Stored): Claim {
    stored.fence++;
    stored.isWritten = false;
    stored.isHeld = true;
    stored.leaseUntil = this.#in(this.#leaseMs);
    return { hold: { sagaId: stored.record.sagaId, fence: stored.fence }, record: stored.record };
  }
}

const sizeOf = ({ input, steps }: SagaRecord): number =>
  [input, ...steps.flatMap(({ result }) => (result === undefined ? [] : [result]))].reduce<number>(
    (sum, value) => sum + Buffer.byteLength(JSON.stringify(value)),
    0,
  );

function isKnown({ saga, version, steps }: SagaRecord, known: readonly DefinitionKey[]): boolean {
  const names = steps.map(({ name }) => name).join();
  return known.some((one) => one.saga === saga && one.version === version && one.steps.join() === names);
}
