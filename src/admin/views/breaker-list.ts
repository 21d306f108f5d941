// The breakers of all instances, and those that services have by name, as operators see them.
import { elapsed, toWord } from '../../memory/elapsed.js';
import type { BreakerState, Transitions } from '../../resilience/breaker-contract.js';

export interface BreakerTimes {
  /** Milliseconds of the shared clock, of which the times of breakers are. */
  readonly clockMs: number;
  /** The wall clock. */
  readonly wallMs: number;
}

/** Every row has the same members; those that a state does not have are null. */
export function breakerView(
  { service, instance }: { readonly service: string; readonly instance: string },
  state: BreakerState,
  transitions: Transitions,
  times: BreakerTimes,
) {
  return { service, instance, ...stateFields(state, times), transitions };
}

/** @param since a word of the shared clock @returns the time in ISO 8601 */
export const openedAt = (since: number, { clockMs, wallMs }: BreakerTimes): string =>
  new Date(wallMs - elapsed(toWord(clockMs), since)).toISOString();

function stateFields(state: BreakerState, { clockMs, wallMs }: BreakerTimes) {
  const none = { since: null, window: null, probes: null, retryInMs: null };
  switch (state.state) {
    case 'closed': {
      const { calls, failures } = state;
      return { state: 'closed', forced: false, ...none, window: { calls, failures } };
    }
    case 'open': {
      const since = openedAt(state.since, { clockMs, wallMs });
      return { state: 'open', forced: false, ...none, since, retryInMs: Math.ceil(state.retryInMs) };
    }
    case 'half-open': {
      const { permitted, taken, succeeded } = state;
      return { state: 'half-open', forced: false, ...none, probes: { permitted, taken, succeeded } };
    }
    case 'forced-open':
      return { state: 'open', forced: true, ...none };
    case 'forced-closed':
      return { state: 'closed', forced: true, ...none };
  }
}
