// Logs that callers found no free connection: one line for all of them, at most every ten seconds, that says
// which setting to change.

export interface ExhaustionLogSink {
  warn(details: object, message: string): void;
}

const LOG_EVERY_MS = 10_000;

export class ExhaustionLog {
  readonly #sink: ExhaustionLogSink;
  /** Callers that gave up since the last line. */
  #unlogged = 0;
  #loggedAt = -Infinity;

  constructor(sink: ExhaustionLogSink) {
    this.#sink = sink;
  }

  /** Counts a caller that has given up. @param size of the pool at that moment */
  add(size: object, now: number): void {
    this.#unlogged++;
    if (now - this.#loggedAt < LOG_EVERY_MS) return;
    this.#sink.warn(
      { callers: this.#unlogged, ...size },
      'no database connection became free in time: raise DATABASE_POOL_MAX, or make transactions and statements shorter',
    );
    this.#loggedAt = now;
    this.#unlogged = 0;
  }
}
