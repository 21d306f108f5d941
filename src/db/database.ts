// The contract of this room: what a service may do with its own database.

export interface Row {
  readonly [column: string]: unknown;
}

export interface QueryResult<R> {
  readonly rows: R[];
  readonly rowCount: number;
}

export interface Queryable {
  /** One statement with `$1` parameters. int8 comes back as number, timestamptz as Date, jsonb parsed. */
  query<R = Row>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>>;
  /** Exactly one row. @throws NotFoundError when there is none */
  one<R = Row>(text: string, values?: readonly unknown[]): Promise<R>;
  maybeOne<R = Row>(text: string, values?: readonly unknown[]): Promise<R | undefined>;
  many<R = Row>(text: string, values?: readonly unknown[]): Promise<R[]>;
}

/** Statements between BEGIN and COMMIT on one connection. Dead after the transaction has ended. */
export interface Transaction extends Queryable {}

export interface IdempotencyKey {
  /** What the key belongs to, e.g. `POST /api/users`. The same key on another route is another key. */
  readonly route: string;
  readonly key: string;
  /**
   * Whose key it is, e.g. the id of a user: the same key of another scope is another key. Default: shared by
   * all.
   */
  readonly scope?: string;
  /**
   * What the request asks for beside its body, e.g. path parameters, in one text for all requests that ask
   * for the same. Default: nothing.
   */
  readonly target?: string;
  /**
   * The body of the request, as JSON. The same key with another body or target is 422 IDEMPOTENCY_KEY_REUSED.
   */
  readonly body?: unknown;
}

/** What identifies a stored effect, whatever was asked for. */
export type EffectKey = Pick<IdempotencyKey, 'route' | 'key' | 'scope'>;

/** A stored answer: what the first call returned, as JSON carries it. */
export interface StoredResponse {
  readonly status: number;
  readonly body: unknown;
}

/**
 * `query` and its relatives outside a transaction use the pipelined lane: named, autocommit, never BEGIN.
 * `transaction` and the two idempotent forms borrow a connection from the process-wide budget.
 * All of them end at the deadline of the running scope (504 DEADLINE_EXCEEDED); no free connection in half
 * of the time until then is 503 DATABASE_BUSY.
 */
export interface Database extends Queryable {
  transaction<T>(fn: (tx: Transaction) => Promise<T>): Promise<T>;

  /**
   * Effect and key in one transaction: `effect` runs at most once per key; its outcome is stored with it and
   * returned again to every later call with the same key, target and body. A BusinessError is an outcome too
   * (stored as a refusal, thrown again); any other error leaves nothing behind, and so does an outcome that
   * JSON cannot carry or whose status is no whole number from 200 to 599 (TypeError, RangeError).
   * @throws HttpError IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS, STEP_CANCELLED (see `compensate`)
   */
  idempotent(
    key: IdempotencyKey,
    effect: (tx: Transaction) => Promise<StoredResponse>,
  ): Promise<StoredResponse>;

  /**
   * The compensation of `idempotent`: in one transaction writes a tombstone for the key, so that a forward
   * call that arrives later is refused (409 STEP_CANCELLED), and undoes what was done. `undo` gets the stored
   * outcome, undefined when the effect never happened or was refused. Repeating it does nothing more.
   */
  compensate(
    key: EffectKey,
    undo: (tx: Transaction, done: StoredResponse | undefined) => Promise<void>,
  ): Promise<void>;

  /**
   * The stored outcome of a key, undefined when unknown or cancelled; also when refused: nothing happened
   * then, and asking again by `idempotent` throws the refusal.
   */
  outcomeOf(key: EffectKey): Promise<StoredResponse | undefined>;
}
