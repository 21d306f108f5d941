// Published messages from worker to worker, past the primary: one channel for each pair of slots, by name, so that
// workers come and go without anybody's list of them. Posting puts a message into the other thread's queue before it
// returns, in order: what a thread posts right before it ends arrives as well. A channel of the whole process would be
// simpler, but would queue everything at a thread that stands still for ever.
import { BroadcastChannel } from 'node:worker_threads';

type Message = readonly [topic: string, data: string | Uint8Array, isBinary: boolean];

/** Who has subscribers of what, in shared memory. */
export interface Hints {
  /** Slots of the other workers. */
  readonly others: readonly number[];
  joined(topic: string): void;
  left(topic: string): void;
  elsewhere(topic: string, found: (slot: number) => void): void;
}

const channelOf = (from: number, to: number): BroadcastChannel => {
  const channel = new BroadcastChannel(`multilane/topics/${from}/${to}`);
  channel.unref();
  return channel;
};

export class TopicChannels {
  readonly #slot: number;
  readonly #hints: Hints;
  readonly #failed: (error: unknown) => void;
  readonly #incoming: BroadcastChannel[] = [];
  /** By slot; opened when there is something to send. */
  readonly #outgoing = new Map<number, BroadcastChannel>();
  /** What this turn of the loop has published, by slot. */
  #batches = new Map<number, Message[]>();
  #isClosed = false;

  /** @param failed told when a message cannot be read */
  constructor(slot: number, hints: Hints, failed: (error: unknown) => void) {
    this.#slot = slot;
    this.#hints = hints;
    this.#failed = failed;
  }

  /** Before anything is subscribed to here. */
  receive(deliver: (...message: Message) => void): void {
    for (const other of this.#hints.others) {
      const channel = channelOf(other, this.#slot);
      channel.onmessage = (event) => {
        const { data } = event as { readonly data: readonly Message[] };
        for (const message of data) deliver(...message);
      };
      channel.onmessageerror = (event) => this.#failed((event as { readonly data: unknown }).data);
      this.#incoming.push(channel);
    }
  }

  publish(topic: string, data: string | Uint8Array, isBinary: boolean): void {
    if (this.#isClosed) return;
    let message: Message | undefined;
    this.#hints.elsewhere(topic, (slot) => {
      // Its own bytes: a view would take along all the memory behind it, and its owner may write to it meanwhile.
      message ??= [topic, typeof data === 'string' ? data : new Uint8Array(data), isBinary];
      if (this.#batches.size === 0) setImmediate(() => this.#flush());
      const batch = this.#batches.get(slot);
      if (batch === undefined) this.#batches.set(slot, [message]);
      else batch.push(message);
    });
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
    for (const channel of [...this.#incoming, ...this.#outgoing.values()]) channel.close();
  }

  #flush(): void {
    const batches = this.#batches;
    this.#batches = new Map();
    for (const [slot, batch] of batches) {
      let channel = this.#outgoing.get(slot);
      if (channel === undefined) {
        channel = channelOf(this.#slot, slot);
        this.#outgoing.set(slot, channel);
      }
      channel.postMessage(batch);
    }
  }
}
