// A value that an operator has set, with the time and the reason, and the log line about a change.
import type { Logger } from 'pino';

export interface OperatorValue<T> {
  readonly value: T;
  readonly since: string;
  readonly reason: string | null;
}

export const setNow = <T>(value: T, reason: string | null): OperatorValue<T> => ({
  value,
  since: new Date().toISOString(),
  reason,
});

export const sinceAndReason = (one: OperatorValue<unknown> | null) => ({
  since: one?.since ?? null,
  reason: one?.reason ?? null,
});

/** Logs a change, unless the value is the same as before. */
export function logSwitch(
  log: Pick<Logger, 'warn'>,
  what: string,
  from: unknown,
  to: unknown,
  reason: string | null,
): void {
  if (from !== to) log.warn({ switch: what, from, to, reason }, 'switched by an operator');
}
