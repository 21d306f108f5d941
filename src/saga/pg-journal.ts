// The journal in PostgreSQL. Writes of concurrent sagas are gathered while the last batch is under way and go
// as one statement with one durable commit: on one connection commits follow each other, so sharing them is
// what makes many sagas fast. Fences are compared by the database, in the statement that writes.
import { setTimeout as delay } from 'node:timers/promises';
import type { Queryable, QueryResult } from '../db/database.js';
import { StatementError } from '../db/statement-error.js';
import { Deadline } from '../deadline.js';
import { runInScope, type Scope } from '../scope.js';
import { Batch } from './batch.js';
import { ExpectedTime } from './expected-time.js';
import {
  type Claim,
  type ClaimBound,
  type ClaimOthers,
  type Created,
  type DefinitionKey,
  type Hold,
  type Journal,
  type LeaseAfter,
  type ListQuery,
  type Renewal,
  type SagaRecord,
  type SagaSummary,
  UNCLAIMED_MS,
  UnstorableError,
} from './journal.js';
import {
  FIRST_FENCE,
  holdColumns,
  keyColumns,
  lengthOf,
  moveColumns,
  startColumns,
  stepColumns,
  type Write,
  writeOf,
} from './journal-columns.js';
import { claimOf, recordOf, type SagaRow, type SummaryRow, summaryOf } from './journal-row.js';
import {
  CLAIM,
  EARLIER,
  LOAD,
  listStatement,
  OPEN_SINCE,
  REDATE,
  RELEASE,
  RELEASE_EXCEPT,
  RENEW,
  RETIRE_KEY,
  TAKE,
  TIME,
  VOUCH,
  WRITE,
} from './journal-sql.js';
import type { SagaStatus } from './saga.js';
import { traceOf } from './trace.js';
import { within } from './within.js';

/** Sagas in one statement: beyond this a batch gains little and makes the others wait. */
const BATCH_LIMIT = 256;
/** Characters of JSON in one statement: what takes the database and this thread some tens of milliseconds. */
const BATCH_LENGTH = 1 << 20;
/**
 * How often a row is looked at that another session has locked, and how long in between: most are free at
 * once.
 */
const LOCKED_LOOKS = 10;
const LOCKED_PAUSE_MS = 20;
/** Writes that are under way when a worker gives its sagas up are waited for, so long at most. */
const OWN_WRITES_MS = 2_000;
/** Sagas whose lease or pause one statement begins anew: their rows are locked meanwhile. */
const REDATED_AT_ONCE = 4096;
/** Milliseconds for one statement of the engine's own, whatever the request that waits for it has left. */
const STATEMENT_MS = 10_000;

export interface PgJournalOptions {
  readonly db: Queryable;
  /** `instance:slot:generation` of the writer of this journal object. */
  readonly owner: string;
  /** Milliseconds that a runner may be silent before others take its sagas. */
  readonly leaseMs: number;
  /** Milliseconds, monotonic: for what the journal's clock is expected to show. Default: `performance.now` */
  readonly clock?: () => number;
}

export class PgJournal implements Journal {
  readonly #db: Queryable;
  readonly #owner: string;
  readonly #leaseMs: number;
  readonly #clock: () => number;
  readonly #expected = new ExpectedTime();
  /**
   * Number of the latest write; a start is the first of its saga. One that is repeated may still be on its
   * way, and must not land behind its repetition.
   */
  #written = 1;
  readonly #writes = new Batch<Write, Written>((writes) => this.#writeAll(writes), {
    limit: BATCH_LIMIT,
    weightLimit: BATCH_LENGTH,
    weigh: lengthOf,
    isOnesFault: (error) => error instanceof UnstorableError,
  });

  constructor({ db, owner, leaseMs, clock = () => performance.now() }: PgJournalOptions) {
    this.#db = db;
    this.#owner = owner;
    this.#leaseMs = leaseMs;
    this.#clock = clock;
  }

  async create(record: SagaRecord, keptSince: number): Promise<Created> {
    const { sagaId } = record;
    const begun = record.steps.flatMap((step, at) => (step.status === 'pending' ? [] : [at]));
    for (;;) {
      const start = writeOf({
        ...{ hold: undefined, record, positions: begun },
        ...{ releaseForMs: null, number: 1 },
      });
      if ((await this.#writes.add(start)) === 'written') {
        return { created: true, hold: { sagaId, fence: 1 } };
      }
      const { rows } = await this.#ask<EarlierRow>(EARLIER, [
        sagaId,
        record.saga,
        record.idempotencyKey,
        keptSince,
      ]);
      const [earlier] = rows;
      if (earlier?.saga_id === sagaId) return { created: true, hold: { sagaId, fence: 1 } };
      if (earlier?.retired) {
        await this.#ask(RETIRE_KEY, [earlier.saga_id]);
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
    lease: LeaseAfter,
  ): Promise<boolean> {
    const releaseForMs = lease === 'renew' ? null : lease.releaseForMs;
    const write = writeOf({ hold, record, positions, releaseForMs, number: ++this.#written });
    for (let looks = 1; looks <= LOCKED_LOOKS; looks++) {
      const written = await this.#writes.add(write);
      if (written !== 'locked') return written === 'written';
      await delay(LOCKED_PAUSE_MS);
    }
    throw new Error('another session has locked the row of the saga');
  }

  /** In the caller's scope: a read for a request ends with the request. */
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
    { sagas, bytes, until, lapsedAt }: ClaimBound,
    known: readonly DefinitionKey[],
    others: ClaimOthers,
  ): Promise<readonly Claim[]> {
    const unclaimedMs = others === 'unclaimed' ? UNCLAIMED_MS : null;
    const { rows } = await this.#ask<SagaRow>(CLAIM, [
      ...[this.#owner, this.#leaseMs, sagas, ...keyColumns(known), unclaimedMs, bytes, until],
      ...[lapsedAt ?? null, this.#expectedTime],
    ]);
    return rows.map(claimOf);
  }

  async time(): Promise<number> {
    const { rows } = await this.#ask<{ readonly ms: number }>(TIME, []);
    const { ms } = rows[0]!;
    this.#expected.read(ms, this.#clock());
    return ms;
  }

  get #expectedTime(): number | null {
    return this.#expected.at(this.#clock()) ?? null;
  }

  async redate(time: number): Promise<boolean> {
    const { rowCount } = await this.#ask(REDATE, [this.#leaseMs, time, REDATED_AT_ONCE]);
    return rowCount === REDATED_AT_ONCE;
  }

  async vouch(known: readonly DefinitionKey[]): Promise<void> {
    await this.#ask(VOUCH, keyColumns(known));
  }

  async take(sagaId: string): Promise<Claim | undefined> {
    const { rows } = await this.#ask<SagaRow>(TAKE, [this.#owner, this.#leaseMs, sagaId, this.#expectedTime]);
    return rows[0] && claimOf(rows[0]);
  }

  async renew(holds: readonly Hold[]): Promise<Renewal> {
    const values = [this.#leaseMs, ...holdColumns(holds), this.#expectedTime];
    const { rows } = await this.#ask<{ saga_id: string; renewed: boolean }>(RENEW, values);
    const held = new Map(rows.map(({ saga_id, renewed }) => [saga_id, renewed]));
    return {
      renewed: holds.filter(({ sagaId }) => held.get(sagaId)),
      lost: holds.filter(({ sagaId }) => !held.has(sagaId)),
    };
  }

  async release(holds: readonly Hold[], attempts: 'counted' | 'uncounted'): Promise<void> {
    // What this worker has under way itself would have the rows locked.
    await within(this.#writes.idle(), OWN_WRITES_MS);
    let left = holds;
    for (let looks = 1; left.length > 0; looks++) {
      if (looks > LOCKED_LOOKS)
        throw new Error(`another session has locked the rows of ${left.length} sagas`);
      if (looks > 1) await delay(LOCKED_PAUSE_MS * looks);
      const { rows } = await this.#ask<{ saga_id: string }>(RELEASE, [
        ...holdColumns(left),
        attempts === 'uncounted',
      ]);
      const locked = new Set(rows.map(({ saga_id }) => saga_id));
      left = left.filter(({ sagaId }) => locked.has(sagaId));
    }
  }

  async #writeAll(writes: readonly Write[]): Promise<readonly Written[]> {
    try {
      const { rows } = await this.#ask<WrittenRow>(WRITE, [
        this.#owner,
        this.#leaseMs,
        ...startColumns(writes.filter(({ hold }) => hold === undefined)),
        ...moveColumns(writes.filter(({ hold }) => hold !== undefined)),
        ...stepColumns(writes),
        this.#expectedTime,
      ]);
      const written = new Map(
        rows.map((row) => [`${row.saga_id} ${row.fence}`, row.locked ? 'locked' : 'written'] as const),
      );
      return writes.map(
        ({ hold, record }) => written.get(`${record.sagaId} ${hold?.fence ?? FIRST_FENCE}`) ?? 'lost',
      );
    } catch (error) {
      if (!(error instanceof StatementError) || !ABOUT_VALUES.test(error.sqlState)) throw error;
      throw new UnstorableError(`the journal cannot keep this (${error.sqlState})`, { cause: error });
    }
  }

  #ask<R>(text: string, values: readonly unknown[]): Promise<QueryResult<R>> {
    return runInScope(journalScope(), () => this.#db.query<R>(text, values));
  }
}

/**
 * Frees at once what every instance but this one has left in the journal, instead of waiting for leases to
 * run out. Only for one who knows that no other instance is alive: the holder of an embedded database's lock.
 * @returns how many sagas were freed
 */
export async function releaseOwnersExcept(db: Queryable, instanceId: string): Promise<number> {
  const { rowCount } = await db.query(RELEASE_EXCEPT, [instanceId]);
  return rowCount;
}

/** When the oldest saga was started that may still need what its steps have left. */
export async function openSince(db: Queryable): Promise<Date | undefined> {
  const row = await db.one<{ readonly since: Date | null }>(OPEN_SINCE);
  return row.since ?? undefined;
}

interface WrittenRow {
  readonly saga_id: string;
  readonly fence: number | string;
  readonly locked: boolean;
}

/** What came of one write of a batch. `locked`: nothing, and it may be tried again. */
type Written = 'written' | 'lost' | 'locked';

interface EarlierRow {
  readonly saga_id: string;
  readonly status: SagaStatus;
  readonly fingerprint: string;
  /** The saga has ended and its key's time is over: the key is free. */
  readonly retired: boolean;
}

/**
 * SQLSTATE classes 22 (data exception), 23 (integrity constraint), 54 (program limit exceeded). Not 23505:
 * keys are arbitrated by the statement itself, so what is not unique is there only for a moment.
 */
const ABOUT_VALUES = /^(?:22|23(?!505)|54)/;

/** A batch belongs to many sagas and to no request: none of them may cut it off or lend it a trace. */
function journalScope(): Scope {
  const trace = traceOf(null, null);
  const { signal } = new AbortController();
  const deadline = Deadline.after(STATEMENT_MS);
  return { requestId: 'saga-journal', deadline, signal, trace, service: undefined };
}
