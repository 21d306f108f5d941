// Messages from worker to worker, past the primary: one channel for each pair of slots, by name, so that workers come and
// go without anybody's list of them. Each channel of a pair is read by one thread: one of all would queue everything at a
// thread that stands still. Code of services can post to these channels too, so a message counts only when it has the
// form that its reader knows.
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
  readonly #read: (data: unknown) => M | undefined;
  readonly #failed: (error: unknown) => void;
  readonly #incoming: BroadcastChannel[] = [];
  /** By slot; opened when there is something to send. */
  readonly #outgoing = new Map<number, BroadcastChannel>();
  #isClosed = false;
  #hasFailed = false;

  /**
   * @param slots of workers there may be
   * @param read undefined for what is not a message
   * @param failed told of the first message that cannot be read
   */
  constructor(
    name: string,
    slot: number,
    slots: number,
    read: (data: unknown) => M | undefined,
    failed: (error: unknown) => void,
  ) {
    this.#name = name;
    this.#slot = slot;
    this.#slots = slots;
    this.#read = read;
    this.#failed = failed;
  }

  receive(deliver: (from: number, message: M) => void): void {
    for (let from = 1; from <= this.#slots; from++) {
      if (from === this.#slot) continue;
      const channel = channelOf(this.#name, from, this.#slot);
      channel.onmessage = (event) => {
        const message = this.#read((event as { readonly data: unknown }).data);
        if (message === undefined) this.#refuse();
        else deliver(from, message);
      };
      channel.onmessageerror = () => this.#refuse();
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

  #refuse(): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#failed(new Error(`a message on a channel of ${this.#name} is not of the protocol and is ignored`));
  }

  close(): void {
    this.#isClosed = true;
    for (const channel of [...this.#incoming, ...this.#outgoing.values()]) channel.close();
  }
}
