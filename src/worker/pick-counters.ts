// Counts how often the balancer picked each instance. Instances come and go for as long as the process runs,
// so the rows of instances that are gone are used again; renamed-counts.ts keeps what they had counted.
import type { Counter, Recorder } from '../memory/metrics/recorder.js';

/** Whether the registry knows the instance. */
export type IsRegistered = (service: string, id: string) => boolean;

export class PickCounters {
  readonly #recorder: Recorder;
  readonly #isRegistered: IsRegistered;
  readonly #byService = new Map<string, Map<string, Counter>>();

  constructor(recorder: Recorder, isRegistered: IsRegistered) {
    this.#recorder = recorder;
    this.#isRegistered = isRegistered;
  }

  of(service: string, id: string): Counter {
    return this.#byService.get(service)?.get(id) ?? this.#make(service, id);
  }

  #make(service: string, id: string): Counter {
    this.#forgetGone();
    const isGone = (other: string): boolean => other !== id && !this.#isRegistered(service, other);
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

  /** Drops the counters of instances that are gone, before the recorder may reuse one of their rows. */
  #forgetGone(): void {
    for (const [service, counters] of this.#byService) {
      for (const id of counters.keys()) if (!this.#isRegistered(service, id)) counters.delete(id);
      if (counters.size === 0) this.#byService.delete(service);
    }
  }
}
