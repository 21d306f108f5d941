// A limit of requests in flight in one worker. A rule adjusts it after each request that has left.
import type { LoopSignals } from '#src/resilience/loop-signals.js';
import { Random } from '../random.js';
import type { Policy } from './gate.js';

/** A sample: a request that has left. */
export interface Sample {
  readonly nowMs: number;
  readonly latencyMs: number;
  /** Number of requests in flight when it was admitted, itself included. */
  readonly inFlight: number;
}

export interface LimitRule {
  /** The limit; only its whole part applies. */
  readonly limit: number;
  left(sample: Sample): void;
  /** Called every 50 ms by a timer of the loop. @param inFlight current number of requests in flight */
  beat?(loop: LoopSignals, inFlight: number): void;
}

export const inFlightLimit =
  (makeRule: (random: Random) => LimitRule): Policy =>
  () =>
  ({ worker, loop }) => {
    const rule = makeRule(new Random(worker + 1));
    let inFlight = 0;
    return {
      gate: () => ({
        holdMs: 0,
        enter: () => (inFlight >= Math.floor(rule.limit) ? 0 : ++inFlight),
        leave(ticket, latencyMs) {
          inFlight--;
          rule.left({ nowMs: loop.now(), latencyMs, inFlight: ticket });
        },
      }),
      beat: () => rule.beat?.(loop, inFlight),
    };
  };
