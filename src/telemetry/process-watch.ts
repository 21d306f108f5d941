// What has to be measured from the start of the process on, and not at a scrape. It needs only Node.js, so a
// start does not wait for prom-client.
import type { Every } from '../grouped-interval.js';
import { GarbageCollections } from './garbage-collections.js';
import { LoopDelays } from './loop-delays.js';

export class ProcessWatch {
  readonly loopDelays: LoopDelays;
  readonly collections = new GarbageCollections();

  /**
   * Starts to observe this thread. Create only one per process, in the primary.
   * @param every @default a timer of its own
   */
  constructor(every?: Every) {
    this.loopDelays = new LoopDelays(every);
  }

  stop(): void {
    this.loopDelays.stop();
    this.collections.stop();
  }
}
