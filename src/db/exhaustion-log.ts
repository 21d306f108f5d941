// Callers that found no connection, for the log: one line for all of them, now and then, that says what to
// turn.

export interface ExhaustionLogSink {
  warn(details: object, message: string): void;
}

const LOG_EVERY_MS = 10_000;

export class ExhaustionLog {
  readonly #log: ExhaustionLogSink;
  #unlogged = 0;
  #loggedAt = -Infinity;

  constructor(log: ExhaustionLogSink) {
    this.#log = log;
  }

  /** One more caller gave up. @param size of the pool then */
  add(size: object, now: number): void {
    this.#unlogged++;
    if (now - this.#loggedAt < LOG_EVERY_MS) return;
    this.#log.warn(
      { callers: this.#unlogged, ...size },
      'no database connection became free in time: raise DATABASE_POOL_MAX, or make transactions and statements shorter',
    );
    this.#loggedAt = now;
    this.#unlogged = 0;
  }
}
