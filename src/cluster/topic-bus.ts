// Published messages from worker to worker, past the primary: one broadcast channel of the process. A thread hears it
// from the moment it has opened it until it closes it, so workers come and go without anybody's list of them; posting
// puts a message into every other thread's queue before it returns, in order, so what a thread posts right before it
// ends arrives as well.
//
// A worker whose loop stands still has its messages queued in memory until it turns again or is replaced.
import { BroadcastChannel } from 'node:worker_threads';

const CHANNEL = 'multilane/topics';

type Message = readonly [topic: string, data: string | Uint8Array, isBinary: boolean];
export type Deliver = (...message: Message) => void;

/** Who has subscribers of what, in shared memory. */
export interface Hints {
  joined(topic: string): void;
  left(topic: string): void;
  isElsewhere(topic: string): boolean;
}

export class BroadcastBus {
  readonly #hints: Hints;
  readonly #channel = new BroadcastChannel(CHANNEL);
  readonly #failed: (error: unknown) => void;
  /** What this turn of the loop has published. */
  #batch: Message[] = [];
  #isClosed = false;

  /** @param failed told when a message cannot be read */
  constructor(hints: Hints, failed: (error: unknown) => void) {
    this.#hints = hints;
    this.#failed = failed;
    this.#channel.unref();
  }

  receive(deliver: Deliver): void {
    this.#channel.onmessage = (event) => {
      const { data } = event as { readonly data: readonly Message[] };
      for (const message of data) deliver(...message);
    };
    this.#channel.onmessageerror = (event) => this.#failed((event as { readonly data: unknown }).data);
  }

  publish(topic: string, data: string | Uint8Array, isBinary: boolean): void {
    if (this.#isClosed || !this.#hints.isElsewhere(topic)) return;
    if (this.#batch.length === 0) setImmediate(() => this.#flush());
    // Its own bytes: a view would take along the whole memory behind it, and its owner may write to it meanwhile.
    this.#batch.push([topic, typeof data === 'string' ? data : new Uint8Array(data), isBinary]);
  }

  joined(topic: string): void {
    this.#hints.joined(topic);
  }

  left(topic: string): void {
    this.#hints.left(topic);
  }

  /** What was published before still goes out. */
  close(): void {
    if (this.#isClosed) return;
    this.#flush();
    this.#isClosed = true;
    this.#channel.close();
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#channel.postMessage(batch);
  }
}
