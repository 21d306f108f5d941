// The breakers of all instances, and those that services have by name, as operators see them.
import { elapsed, toWord } from '../../memory/elapsed.js';
import type { BreakerState, Transitions, WindowCounts } from '../../resilience/breaker-contract.js';

export interface BreakerTimes {
  /** Milliseconds of the shared clock, of which the times of breakers are. */
  readonly clockMs: number;
  /** The wall clock. */
  readonly wallMs: number;
}

export interface SeenState {
  readonly state: BreakerState;
  readonly tripped: WindowCounts | undefined;
  readonly transitions: Transitions;
}

/** Every row has the same members; those that a state does not have are null. */
export function breakerView(
  { service, instance }: { readonly service: string; readonly instance: string },
  { state, tripped, transitions }: SeenState,
  times: BreakerTimes,
) {
  return { service, instance, ...stateFields(state, tripped ?? null, times), transitions };
}

/** @param since a word of the shared clock @returns the time in ISO 8601 */
export const openedAt = (since: number, { clockMs, wallMs }: BreakerTimes): string =>
  new Date(wallMs - elapsed(toWord(clockMs), since)).toISOString();

function stateFields(state: BreakerState, window: WindowCounts | null, { clockMs, wallMs }: BreakerTimes) {
  const none = { since: null, window: null, probes: null, retryInMs: null };
  switch (state.state) {
    case 'closed': {
      const { calls, failures } = state;
      return { state: 'closed', forced: false, ...none, window: { calls, failures } };
    }
    case 'open': {
      const since = openedAt(state.since, { clockMs, wallMs });
      return { state: 'open', forced: false, ...none, since, window, retryInMs: Math.ceil(state.retryInMs) };
    }
    case 'half-open': {
      const { permitted, taken, succeeded } = state;
      return { state: 'half-open', forced: false, ...none, window, probes: { permitted, taken, succeeded } };
    }
    case 'forced-open':
      return { state: 'open', forced: true, ...none };
    case 'forced-closed':
      return { state: 'closed', forced: true, ...none };
  }
}
