// Counts how often each instance was picked. Instances come and go for as long as the process runs, so their
// rows are used again: what was counted for those that are gone stays in the total of their service.
import type { Counter, Recorder } from '../memory/metrics/recorder.js';

/** Whether the registry knows the instance. */
export type Knows = (service: string, id: string) => boolean;

export class PickCounters {
  readonly #recorder: Recorder;
  readonly #knows: Knows;
  readonly #byService = new Map<string, Map<string, Counter>>();

  constructor(recorder: Recorder, knows: Knows) {
    this.#recorder = recorder;
    this.#knows = knows;
  }

  of(service: string, id: string): Counter {
    return this.#byService.get(service)?.get(id) ?? this.#make(service, id);
  }

  #make(service: string, id: string): Counter {
    this.#forget();
    const isGone = (other: string): boolean => other !== id && !this.#knows(service, other);
    const counter = this.#recorder.transient(
      'multilane_balancer_picks_total',
      { service },
      { label: 'endpoint', value: id, isGone },
    );
    const counters = this.#byService.get(service);
    if (counters === undefined) this.#byService.set(service, new Map([[id, counter]]));
    else counters.set(id, counter);
    return counter;
  }

  /** Before a row may be used again: none is kept by two. */
  #forget(): void {
    for (const [service, counters] of this.#byService) {
      for (const id of counters.keys()) if (!this.#knows(service, id)) counters.delete(id);
      if (counters.size === 0) this.#byService.delete(service);
    }
  }
}
