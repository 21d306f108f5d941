// Messages from worker to worker, past the primary: one channel for each pair of slots, by name, so that workers come and
// go without anybody's list of them. Each channel of a pair is read by one thread: one of all would queue everything at a
// thread that stands still.
import { BroadcastChannel } from 'node:worker_threads';

const channelOf = (name: string, from: number, to: number): BroadcastChannel => {
  const channel = new BroadcastChannel(`multilane/${name}/${from}/${to}`);
  channel.unref();
  return channel;
};

export class WorkerMail<M> {
  readonly #name: string;
  readonly #slot: number;
  readonly #slots: number;
  readonly #failed: (error: unknown) => void;
  readonly #incoming: BroadcastChannel[] = [];
  /** By slot; opened when there is something to send. */
  readonly #outgoing = new Map<number, BroadcastChannel>();
  #isClosed = false;

  /** @param slots of workers there may be @param failed told when a message cannot be read */
  constructor(name: string, slot: number, slots: number, failed: (error: unknown) => void) {
    this.#name = name;
    this.#slot = slot;
    this.#slots = slots;
    this.#failed = failed;
  }

  receive(deliver: (from: number, message: M) => void): void {
    for (let from = 1; from <= this.#slots; from++) {
      if (from === this.#slot) continue;
      const channel = channelOf(this.#name, from, this.#slot);
      channel.onmessage = (event) => deliver(from, (event as { readonly data: M }).data);
      channel.onmessageerror = (event) => this.#failed((event as { readonly data: unknown }).data);
      this.#incoming.push(channel);
    }
  }

  /** Is in the other thread's queue when it returns. To a slot without a thread it is lost. */
  send(to: number, message: M): void {
    if (this.#isClosed) return;
    let channel = this.#outgoing.get(to);
    if (channel === undefined) {
      channel = channelOf(this.#name, this.#slot, to);
      this.#outgoing.set(to, channel);
    }
    channel.postMessage(message);
  }

  close(): void {
    this.#isClosed = true;
    for (const channel of [...this.#incoming, ...this.#outgoing.values()]) channel.close();
  }
}
