// Counting and tracing of database operations. The module only knows this interface; worker/observe-database
// implements it with metrics and OpenTelemetry.
import { errorTypeOf } from '../error-type.js';
import { StatementError } from './statement-error.js';

export interface DatabaseObserver {
  /**
   * Counts an operation.
   * @param operation first keyword of the statement, in upper case
   * @param errorType SQLSTATE, code or name of the error; undefined when the operation has succeeded
   */
  record(operation: string, microseconds: number, errorType: string | undefined): void;
  /** Runs `fn` in a client span. Called for every statement, so it must be cheap if nothing is sampled. */
  span?<T>(statement: string, fn: () => Promise<T>): Promise<T>;
  /** Called for what is waited for outside of operations: a session, BEGIN, ROLLBACK. */
  wait?<T>(awaited: Promise<T>): Promise<T>;
}

/** Runs an operation, and counts and traces it. */
export type Observe = <T>(operation: string, text: string, run: () => Promise<T>) => Promise<T>;

/** Reports a wait outside of operations. */
export type Wait = <T>(awaited: Promise<T>) => Promise<T>;

export function waitBy(observer: DatabaseObserver | undefined): Wait {
  return observer?.wait === undefined ? (awaited) => awaited : (awaited) => observer.wait!(awaited);
}

export function observeBy(observer: DatabaseObserver | undefined): Observe {
  const timed = async <T>(operation: string, text: string, run: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    let errorType: string | undefined;
    try {
      return await run();
    } catch (error) {
      errorType = errorTypeOf(error);
      for (const one of [error, causeOf(error)]) if (one instanceof StatementError) one.recordSender(text);
      throw error;
    } finally {
      observer?.record(operation, Math.round((performance.now() - start) * 1000), errorType);
    }
  };
  if (observer?.span === undefined) return timed;
  return (operation, text, run) => observer.span!(text, () => timed(operation, text, run));
}

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined);
