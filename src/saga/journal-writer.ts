// The batched writes of the PostgreSQL journal. Writes of concurrent sagas are gathered while the previous
// batch is being sent, and go as one statement with one durable commit: commits on one connection follow each
// other, so sharing them is what makes many sagas fast. The statement compares the fences as it writes.
import type { Queryable } from '../db/database.js';
import { StatementError } from '../db/statement-error.js';
import { Batch } from './batch.js';
import { UnstorableError } from './journal.js';
import {
  changeColumns,
  FIRST_FENCE,
  lengthOf,
  startColumns,
  stepColumns,
  type Write,
} from './journal-columns.js';
import { engineQuery } from './journal-scope.js';
import { WRITE } from './journal-write-sql.js';

/** Sagas in one statement: beyond this a batch gains little and makes the other writes wait. */
const BATCH_LIMIT = 256;
/** Characters of JSON in one statement: they take the database and this thread some tens of milliseconds. */
const BATCH_LENGTH = 1 << 20;

/** The result of one write. `locked`: nothing was written, and the write may be repeated. */
export type WriteResult = 'written' | 'lost' | 'locked';

interface WrittenRow {
  readonly saga_id: string;
  readonly fence: number | string;
  readonly locked: boolean;
}

/**
 * SQLSTATE classes 22 (data exception), 23 (integrity constraint) and 54 (program limit exceeded), but not
 * 23505 (unique violation): the statement skips keys that are taken, so that error passes when the write is
 * repeated.
 */
const ABOUT_VALUES = /^(?:22|23(?!505)|54)/;

export interface JournalWriterOptions {
  readonly db: Queryable;
  readonly owner: string;
  readonly leaseMs: number;
  /** What the server's clock should show, in milliseconds since 1970; null when it was never read. */
  readonly expectedTime: () => number | null;
}

export class JournalWriter {
  readonly #options: JournalWriterOptions;
  readonly #batch = new Batch<Write, WriteResult>((writes) => this.#writeAll(writes), {
    limit: BATCH_LIMIT,
    weightLimit: BATCH_LENGTH,
    weigh: lengthOf,
    isCausedByItem: (error) => error instanceof UnstorableError,
  });

  constructor(options: JournalWriterOptions) {
    this.#options = options;
  }

  /** @throws UnstorableError when the journal can never store the values of this write */
  add(write: Write): Promise<WriteResult> {
    return this.#batch.add(write);
  }

  /** Resolves when no write is waiting or being sent. */
  idle(): Promise<void> {
    return this.#batch.idle();
  }

  async #writeAll(writes: readonly Write[]): Promise<readonly WriteResult[]> {
    const { db, owner, leaseMs, expectedTime } = this.#options;
    try {
      const { rows } = await engineQuery<WrittenRow>(db, WRITE, [
        owner,
        leaseMs,
        ...startColumns(writes.filter(({ hold }) => hold === undefined)),
        ...changeColumns(writes.filter(({ hold }) => hold !== undefined)),
        ...stepColumns(writes),
        expectedTime(),
      ]);
      const written = new Map(
        rows.map((row) => [`${row.saga_id} ${row.fence}`, row.locked ? 'locked' : 'written'] as const),
      );
      return writes.map(
        ({ hold, record }) => written.get(`${record.sagaId} ${hold?.fence ?? FIRST_FENCE}`) ?? 'lost',
      );
    } catch (error) {
      if (!(error instanceof StatementError) || !ABOUT_VALUES.test(error.sqlState)) throw error;
      throw new UnstorableError(`the journal cannot store the values (${error.sqlState})`, { cause: error });
    }
  }
}
