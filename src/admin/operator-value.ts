// A value that an operator has set, with the time and the reason, and its change.

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

/** A change of a switch, for the line of the action (operator-audit.ts). */
export interface SwitchChange {
  readonly switch: string;
  readonly from: unknown;
  readonly to: unknown;
  readonly reason: string | null;
}

export const switchChange = (
  what: string,
  from: unknown,
  to: unknown,
  reason: string | null,
): SwitchChange => ({ switch: what, from, to, reason });
