// Requests that MAX_IN_FLIGHT kept out, counted where that is decided: a handler, too, may answer OVERLOADED.
import type { Recorder } from '#src/memory/recorder.js';
import type { InFlightLimiter } from '#src/server/observer.js';

export function countRefusals(limiter: InFlightLimiter, recorder: Recorder): InFlightLimiter {
  const shed = recorder.counter('multilane_requests_shed_total', { reason: 'max_in_flight' });
  return {
    enter() {
      const admitted = limiter.enter();
      if (!admitted) shed.add();
      return admitted;
    },
    leave: () => limiter.leave(),
  };
}
