// The contract of this module: what a service may do with its own database. docs/database.md explains it by
// examples.

/** A row, by the names of its columns. */
export interface Row {
  readonly [column: string]: unknown;
}

/** The result of one statement. */
export interface QueryResult<R> {
  readonly rows: R[];
  /** Number of rows that the statement has returned or changed. */
  readonly rowCount: number;
}

/** Statements with `$1`, `$2`, … and an array of values; values are never part of the text. */
export interface Queryable {
  /**
   * Carries out one statement. An int8 becomes a number, timestamptz a Date, jsonb is parsed.
   * @throws UnavailableError DATABASE_BUSY, HttpError DEADLINE_EXCEEDED: nothing was changed
   * @throws OutcomeUnknownError when it is not known whether something was changed
   * @throws Error with `sqlState`, `constraint` and `table` when the server has refused the statement, see
   *   `isUniqueViolation`
   */
  query<R = Row>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>>;
  /**
   * Returns exactly one row. An `insert` has a row only with `returning`.
   * @throws NotFoundError (404 to the client) when there is none, Error when there are several
   * @example
   * const { id } = await db.one('insert into notes (text) values ($1) returning id', [text]);
   */
  one<R = Row>(text: string, values?: readonly unknown[]): Promise<R>;
  /** Returns one row, or undefined when there is none. @throws Error when there are several */
  maybeOne<R = Row>(text: string, values?: readonly unknown[]): Promise<R | undefined>;
  /** Returns all rows. */
  many<R = Row>(text: string, values?: readonly unknown[]): Promise<R[]>;
}

/** Statements of one transaction. After the transaction has ended, every use throws. */
export interface Transaction extends Queryable {}

/** Identifies a request, so that its effect happens at most once. */
export interface IdempotencyKey {
  /** What the key belongs to, e.g. `POST /api/users`. The same key with another route is another key. */
  readonly route: string;
  readonly key: string;
  /**
   * Owner of the key, e.g. the id of a user: the same key with another scope is another key.
   * @default none: the key is shared by all clients
   */
  readonly scope?: string;
  /**
   * What the request asks for beside its body, e.g. its path parameters: the same string for all requests
   * that ask for the same.
   * @default ''
   */
  readonly target?: string;
  /**
   * Body of the request, a JSON value. The same key with another body or target is 422
   * IDEMPOTENCY_KEY_REUSED.
   */
  readonly body?: unknown;
}

/** Identifies a stored effect, whatever the request was. */
export type EffectKey = Pick<IdempotencyKey, 'route' | 'key' | 'scope'>;

/** A stored response: what the effect has returned, in the form that JSON can carry. */
export interface StoredResponse {
  readonly status: number;
  readonly body: unknown;
}

/**
 * The database of a service. `query`, `one`, `maybeOne` and `many` are single statements that commit by
 * themselves, on sessions that all callers share. `transaction`, `idempotent` and `compensate` have a session
 * alone until they end. All end at the deadline of the request (504 DEADLINE_EXCEEDED), or of 30 s outside of
 * one; if no connection becomes free in half of the time until then, they fail with 503 DATABASE_BUSY.
 */
export interface Database extends Queryable {
  /**
   * Runs statements in one transaction: commits when `fn` resolves, rolls back when it rejects. Only what
   * goes through `tx` is in it.
   * @returns what `fn` returns
   * @throws what `fn` throws, and what `query` throws. OutcomeUnknownError when the commit was not confirmed
   * @example
   * await db.transaction(async (tx) => {
   *   await tx.query('update account set cents = cents - $1 where id = $2', [cents, from]);
   *   await tx.query('update account set cents = cents + $1 where id = $2', [cents, to]);
   * });
   */
  transaction<T>(fn: (tx: Transaction) => Promise<T>): Promise<T>;

  /**
   * Runs an effect at most once for a key. The effect and the key are stored in one transaction; the outcome
   * is returned again to every later call with the same key, target and body. A BusinessError is an outcome
   * too: it is stored, and thrown again. Any other error leaves nothing behind, and so does an outcome that
   * JSON cannot carry (TypeError) or whose status is no whole number from 200 to 599 (RangeError).
   * @throws HttpError IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS, STEP_CANCELLED (see `compensate`)
   */
  idempotent(
    key: IdempotencyKey,
    effect: (tx: Transaction) => Promise<StoredResponse>,
  ): Promise<StoredResponse>;

  /**
   * Undoes the effect of a key. One transaction runs `undo` and stores a tombstone for the key, so that a
   * call of `idempotent` that comes later is refused (409 STEP_CANCELLED). A second call does nothing.
   * @param undo gets the stored outcome; undefined when the effect has never happened or was refused
   * @throws Error for a key of a saga so old that it may have been deleted
   */
  compensate(
    key: EffectKey,
    undo: (tx: Transaction, done: StoredResponse | undefined) => Promise<void>,
  ): Promise<void>;

  /**
   * Returns the stored outcome of a key. Undefined when the key is unknown or cancelled, and when the effect
   * was refused by a BusinessError: nothing has happened then, and `idempotent` throws the refusal again.
   * @throws Error for a key of a saga so old that it may have been deleted
   */
  outcomeOf(key: EffectKey): Promise<StoredResponse | undefined>;
}
