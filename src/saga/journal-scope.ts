// The scope of the journal's own statements.
import type { Queryable, QueryResult } from '../db/database.js';
import { Deadline } from '../deadline.js';
import { runInScope, type Scope } from '../scope.js';
import { traceOf } from './saga-trace.js';

/** Milliseconds for one statement of the engine, whatever time the request that waits for it has left. */
const STATEMENT_MS = 10_000;

/**
 * Runs a statement of the engine outside of the caller's scope. A batch belongs to many sagas and to no
 * request, so no request may interrupt it or lend it its trace.
 */
export function engineQuery<R>(
  db: Queryable,
  text: string,
  values: readonly unknown[],
): Promise<QueryResult<R>> {
  return runInScope(journalScope(), () => db.query<R>(text, values));
}

function journalScope(): Scope {
  const trace = traceOf(null, null);
  const { signal } = new AbortController();
  const deadline = Deadline.after(STATEMENT_MS);
  return { requestId: 'saga-journal', deadline, signal, trace, service: undefined };
}
