// Reports calls and statements to the timing of the request that makes them, while slow requests are logged.
import type { DatabaseObserver } from '../db/database-observer.js';
import { currentScope } from '../scope.js';
import type { CallObserver } from '../upstream/call-observer.js';
import type { CallObservers } from './observe-calls.js';

interface SlowSetting {
  readonly slowRequestMs: number;
}

/** The same observers when slow requests are not logged. */
export function timedCalls(observers: CallObservers, { slowRequestMs }: SlowSetting): CallObservers {
  return slowRequestMs === 0 ? observers : { from: (caller) => timed(observers.from(caller)) };
}

function timed(observer: CallObserver): CallObserver {
  return {
    ...observer,
    attempt(...about) {
      const timing = currentScope()?.timing;
      const attempt = observer.attempt(...about);
      if (timing === undefined) return attempt;
      timing.began('calls');
      return {
        get trace() {
          return attempt.trace;
        },
        end(result, microseconds) {
          timing.ended('calls');
          attempt.end(result, microseconds);
        },
      };
    },
  };
}

/** The same observer when slow requests are not logged. */
export function timedStatements(
  observer: DatabaseObserver,
  { slowRequestMs }: SlowSetting,
): DatabaseObserver {
  if (slowRequestMs === 0) return observer;
  const inSpan: NonNullable<DatabaseObserver['span']> = (statement, run) =>
    observer.span === undefined ? run() : observer.span(statement, run);
  return {
    ...observer,
    span(statement, run) {
      const timing = currentScope()?.timing;
      if (timing === undefined) return inSpan(statement, run);
      timing.began('db');
      return inSpan(statement, run).finally(() => timing.ended('db'));
    },
    wait(awaited) {
      const timing = currentScope()?.timing;
      if (timing === undefined) return awaited;
      timing.began('db');
      return awaited.finally(() => timing.ended('db'));
    },
  };
}
