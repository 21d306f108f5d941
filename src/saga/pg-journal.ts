// The journal in PostgreSQL, as seen by one owner of leases.
import { setTimeout as delay } from 'node:timers/promises';
import { counted } from '../counted.js';
import type { Queryable, QueryResult } from '../db/database.js';
import { within } from '../resilience/within.js';
import { ExpectedTime } from './expected-time.js';
import {
  type Claim,
  type ClaimLimits,
  type ClaimOthers,
  type CreateResult,
  type DefinitionKey,
  type Hold,
  type Journal,
  type LeaseUpdate,
  type ListQuery,
  type Renewal,
  type SagaRecord,
  type SagaSummary,
  UNCLAIMED_MS,
} from './journal.js';
import { CLAIM, MARK_KNOWN, TAKE } from './journal-claim-sql.js';
import { holdColumns, keyColumns, writeOf } from './journal-columns.js';
import { REDATE, RELEASE, RENEW } from './journal-lease-sql.js';
import { EARLIER, LOAD, listStatement, RETIRE_KEY, TIME } from './journal-read-sql.js';
import { claimOf, recordOf, type SagaRow, type SummaryRow, summaryOf } from './journal-row.js';
import { engineQuery } from './journal-scope.js';
import { JournalWriter } from './journal-writer.js';
import type { SagaStatus } from './saga.js';

/**
 * How often a statement is tried when another session has locked its row, and the pause between two tries.
 * Most rows are free again at once.
 */
const LOCKED_ATTEMPTS = 10;
const LOCKED_PAUSE_MS = 20;
/** The longest wait for this worker's own writes before it releases its sagas. */
const OWN_WRITES_MS = 2_000;
/** The number of sagas whose lease or pause one statement restarts; it locks their rows meanwhile. */
const REDATED_AT_ONCE = 4096;

export interface PgJournalOptions {
  readonly db: Queryable;
  /** `instance:slot:generation` of the writer of this journal object. */
  readonly owner: string;
  /** Milliseconds without a renewal after which other workers take over a runner's sagas. */
  readonly leaseMs: number;
  /**
   * Milliseconds on a monotonic clock, from which the expected time of the journal's clock is derived.
   * @default performance.now
   */
  readonly clock?: () => number;
}

interface EarlierRow {
  readonly saga_id: string;
  readonly status: SagaStatus;
  readonly fingerprint: string;
  /** True when the saga has ended and the retention of its key is over, so the key is free. */
  readonly retired: boolean;
}

export class PgJournal implements Journal {
  readonly #db: Queryable;
  readonly #owner: string;
  readonly #leaseMs: number;
  readonly #clock: () => number;
  readonly #expected = new ExpectedTime();
  readonly #writer: JournalWriter;
  /**
   * Number of the latest write; a start is the first of its saga. A write that is repeated may still be on
   * its way, and must not take effect after its repetition.
   */
  #lastWrite = 1;

  constructor({ db, owner, leaseMs, clock = () => performance.now() }: PgJournalOptions) {
    this.#db = db;
    this.#owner = owner;
    this.#leaseMs = leaseMs;
    this.#clock = clock;
    this.#writer = new JournalWriter({ db, owner, leaseMs, expectedTime: () => this.#expectedTime });
  }

  async create(record: SagaRecord, keptSince: number): Promise<CreateResult> {
    const { sagaId } = record;
    const begun = record.steps.flatMap((step, at) => (step.status === 'pending' ? [] : [at]));
    for (;;) {
      const start = writeOf({
        ...{ hold: undefined, record, positions: begun },
        ...{ releaseForMs: null, number: 1 },
      });
      if ((await this.#writer.add(start)) === 'written') {
        return { created: true, hold: { sagaId, fence: 1 } };
      }
      const { rows } = await this.#query<EarlierRow>(EARLIER, [
        sagaId,
        record.saga,
        record.idempotencyKey,
        keptSince,
      ]);
      const [earlier] = rows;
      if (earlier?.saga_id === sagaId) return { created: true, hold: { sagaId, fence: 1 } };
      if (earlier?.retired) {
        await this.#query(RETIRE_KEY, [earlier.saga_id]);
      } else if (earlier !== undefined) {
        const { saga_id, status, fingerprint } = earlier;
        return { created: false, earlier: { sagaId: saga_id, status, fingerprint } };
      }
    }
  }

  async write(
    hold: Hold,
    record: SagaRecord,
    positions: readonly number[],
    lease: LeaseUpdate,
  ): Promise<boolean> {
    const releaseForMs = lease === 'renew' ? null : lease.releaseForMs;
    const write = writeOf({ hold, record, positions, releaseForMs, number: ++this.#lastWrite });
    for (let attempt = 1; attempt <= LOCKED_ATTEMPTS; attempt++) {
      const result = await this.#writer.add(write);
      if (result !== 'locked') return result === 'written';
      await delay(LOCKED_PAUSE_MS);
    }
    throw new Error('another session has locked the row of the saga');
  }

  /** Runs in the caller's scope: a read for a request ends with the request. */
  async load(sagaId: string): Promise<SagaRecord | undefined> {
    const { rows } = await this.#db.query<SagaRow>(LOAD, [sagaId]);
    return rows[0] && recordOf(rows[0]);
  }

  async list({ limit, saga, status, before }: ListQuery): Promise<readonly SagaSummary[]> {
    const text = listStatement({ status, saga: saga !== undefined, before: before !== undefined });
    const given = [saga, before].filter((value) => value !== undefined);
    const { rows } = await this.#db.query<SummaryRow>(text, [limit, ...given]);
    return rows.map(summaryOf);
  }

  async claim(
    { sagas, bytes, until, lapsedAt }: ClaimLimits,
    known: readonly DefinitionKey[],
    others: ClaimOthers,
  ): Promise<readonly Claim[]> {
    const unclaimedMs = others === 'unclaimed' ? UNCLAIMED_MS : null;
    const { rows } = await this.#query<SagaRow>(CLAIM, [
      ...[this.#owner, this.#leaseMs, sagas, ...keyColumns(known), unclaimedMs, bytes, until],
      ...[lapsedAt ?? null, this.#expectedTime],
    ]);
    return rows.map(claimOf);
  }

  async time(): Promise<number> {
    const { rows } = await this.#query<{ readonly ms: number }>(TIME, []);
    const { ms } = rows[0]!;
    this.#expected.read(ms, this.#clock());
    return ms;
  }

  get #expectedTime(): number | null {
    return this.#expected.at(this.#clock()) ?? null;
  }

  async redate(time: number): Promise<boolean> {
    const { rowCount } = await this.#query(REDATE, [this.#leaseMs, time, REDATED_AT_ONCE]);
    return rowCount === REDATED_AT_ONCE;
  }

  async markKnown(known: readonly DefinitionKey[]): Promise<void> {
    await this.#query(MARK_KNOWN, keyColumns(known));
  }

  async take(sagaId: string): Promise<Claim | undefined> {
    const values = [this.#owner, this.#leaseMs, sagaId, this.#expectedTime];
    const { rows } = await this.#query<SagaRow>(TAKE, values);
    return rows[0] && claimOf(rows[0]);
  }

  async renew(holds: readonly Hold[]): Promise<Renewal> {
    const values = [this.#leaseMs, ...holdColumns(holds), this.#expectedTime];
    const { rows } = await this.#query<{ saga_id: string; renewed: boolean }>(RENEW, values);
    const held = new Map(rows.map(({ saga_id, renewed }) => [saga_id, renewed]));
    return {
      renewed: holds.filter(({ sagaId }) => held.get(sagaId)),
      lost: holds.filter(({ sagaId }) => !held.has(sagaId)),
    };
  }

  async release(holds: readonly Hold[], attempts: 'counted' | 'uncounted'): Promise<void> {
    // As long as writes of this worker are pending, they lock the rows that are to be released.
    await within(this.#writer.idle(), OWN_WRITES_MS);
    let left = holds;
    for (let attempt = 1; left.length > 0; attempt++) {
      if (attempt > LOCKED_ATTEMPTS)
        throw new Error(`another session has locked the rows of ${counted(left.length, 'saga')}`);
      if (attempt > 1) await delay(LOCKED_PAUSE_MS * attempt);
      const { rows } = await this.#query<{ saga_id: string }>(RELEASE, [
        ...holdColumns(left),
        attempts === 'uncounted',
      ]);
      const locked = new Set(rows.map(({ saga_id }) => saga_id));
      left = left.filter(({ sagaId }) => locked.has(sagaId));
    }
  }

  #query<R>(text: string, values: readonly unknown[]): Promise<QueryResult<R>> {
    return engineQuery(this.#db, text, values);
  }
}
