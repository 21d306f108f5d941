// Published messages from worker to worker, past the primary: one channel for each pair of slots, by name, so that
// workers come and go without anybody's list of them. Posting puts a message into the other thread's queue before it
// returns, in order: what a thread posts right before it ends arrives as well. A channel of the whole process would be
// simpler, but would queue everything at a thread that stands still for ever.
//
// Code of services can post to these channels too, so a batch counts only when it has the form that is sent here.
import { types } from 'node:util';
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

function isMessage(value: unknown): value is Message {
  if (!Array.isArray(value)) return false;
  const [topic, data, isBinary] = value as readonly unknown[];
  const isData = typeof data === 'string' || (types.isUint8Array(data) && types.isArrayBuffer(data.buffer));
  return typeof topic === 'string' && isData && typeof isBinary === 'boolean';
}

/** Not `every`, which passes over the holes of an array. */
function isBatch(value: unknown): value is readonly Message[] {
  if (!Array.isArray(value)) return false;
  for (const message of value) if (!isMessage(message)) return false;
  return true;
}

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
  #hasFailed = false;

  /** @param failed told of the first message that cannot be read */
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
        const { data } = event as { readonly data: unknown };
        if (isBatch(data)) for (const message of data) deliver(...message);
        else this.#refuse();
      };
      channel.onmessageerror = () => this.#refuse();
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

  #refuse(): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#failed(new Error('a message on a channel of topics is not of the protocol and is ignored'));
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
