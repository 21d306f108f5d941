// The load of endpoints as a test sets it: by slot, or the same for all.
import type { ReportedLoad, Turns } from '#src/upstream/picker.js';

export interface FakeLoadOptions {
  readonly inFlight?: readonly number[];
  readonly latency?: readonly number[];
  /** Calls of other processes that the endpoint has reported; undefined: there is no recent report. */
  readonly others?: readonly (number | undefined)[];
  readonly reportedLatency?: readonly number[];
  readonly failing?: readonly number[];
}

export type FakeLoad = ReportedLoad & Turns;

export function fakeLoad(options: FakeLoadOptions = {}): FakeLoad {
  const { inFlight, latency, others, reportedLatency, failing } = options;
  const turns = new Map<number, number>();
  return {
    now: () => 0,
    inFlight: (slot) => inFlight?.[slot] ?? 0,
    latency: (slot) => latency?.[slot] ?? 0,
    look: (slot) => ({
      inFlight: inFlight?.[slot] ?? 0,
      others: others?.[slot] ?? -1,
      latency: Math.max(latency?.[slot] ?? 0, reportedLatency?.[slot] ?? 0),
      isFailing: failing?.includes(slot) ?? false,
    }),
    hasReported: () => others !== undefined,
    turn(list) {
      const turn = turns.get(list) ?? 0;
      turns.set(list, turn + 1);
      return turn;
    },
  };
}
