// What a limit kept out, counted where that is decided: a handler, too, may answer OVERLOADED.
import type { Recorder } from '../memory/recorder.js';

interface Limit {
  /** False: at the limit, nothing was taken. */
  enter(): boolean;
  leave(): void;
}

export function countRefusals(limit: Limit, recorder: Recorder, reason: string): Limit {
  const shed = recorder.counter('multilane_requests_shed_total', { reason });
  return {
    enter() {
      const admitted = limit.enter();
      if (!admitted) shed.add();
      return admitted;
    },
    leave: () => limit.leave(),
  };
}
