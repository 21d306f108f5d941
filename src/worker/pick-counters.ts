// Counts how often the balancer picked each instance. Instances come and go for as long as the process runs,
// so the rows of instances that are gone are used again; renamed-counts.ts keeps what they had counted.
import type { Counter, Recorder } from '../memory/metrics/recorder.js';

/** Counters that are kept in any case. */
const FEW = 64;

/** Whether the registry knows the instance. */
export type IsRegistered = (service: string, id: string) => boolean;

export class PickCounters {
  readonly #recorder: Recorder;
  readonly #isRegistered: IsRegistered;
  readonly #byService = new Map<string, Map<string, Counter>>();
  #count = 0;
  /** With this number of counters, those of instances that are gone are dropped. */
  #mostCounters = FEW;

  constructor(recorder: Recorder, isRegistered: IsRegistered) {
    this.#recorder = recorder;
    this.#isRegistered = isRegistered;
  }

  of(service: string, id: string): Counter {
    return this.#byService.get(service)?.get(id) ?? this.#make(service, id);
  }

  #make(service: string, id: string): Counter {
    if (this.#count >= this.#mostCounters) this.#forgetGone();
    const isGone = (other: string): boolean => {
      if (other === id || this.#isRegistered(service, other)) return false;
      // Its row goes to another instance now, so nothing may count in it any more.
      if (this.#byService.get(service)?.delete(other) === true) this.#count--;
      return true;
    };
    const counter = this.#recorder.transient(
      'multilane_balancer_picks_total',
      { service },
      { label: 'endpoint', value: id, isGone },
    );
    const counters = this.#byService.get(service);
    if (counters === undefined) this.#byService.set(service, new Map([[id, counter]]));
    else counters.set(id, counter);
    this.#count++;
    return counter;
  }

  /** Looks at all counters, so it does so only when there are twice as many as after the last look. */
  #forgetGone(): void {
    this.#count = 0;
    for (const [service, counters] of this.#byService) {
      for (const id of counters.keys()) if (!this.#isRegistered(service, id)) counters.delete(id);
      this.#count += counters.size;
      if (counters.size === 0) this.#byService.delete(service);
    }
    this.#mostCounters = Math.max(FEW, 2 * this.#count);
  }
}
