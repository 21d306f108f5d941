// Sends messages directly from worker to worker, without the primary. Each thread reads one BroadcastChannel,
// named for its slot. So workers come and go without a list of them, and a process has as many channels as
// threads. A single channel for all would queue every message at a stalled thread.
//
// A sender opens the channel of the receiver, posts, and closes it. A sender that kept it open would receive
// what all other threads send to it. This costs about 10 us more than a channel that stays open, which would
// be one for each pair of threads (with 256 workers 165,000 of them, 5 KiB each).
//
// Posting puts a message into the queue of the other thread before it returns, after everything posted
// earlier, so what a thread posts right before it ends arrives as well. Code of services can post to these
// channels too, so only messages of the form that their reader knows are delivered.
import { BroadcastChannel } from 'node:worker_threads';

const channelOf = (slot: number): BroadcastChannel => {
  const channel = new BroadcastChannel(`multilane/mail/${slot}`);
  channel.unref();
  return channel;
};

/** Sends and receives the messages of one subject. */
export interface Mailbox<M> {
  receive(deliver: (from: number, message: M) => void): void;
  /** Puts the message into the other thread's queue. A message to a slot without a thread is lost. */
  send(to: number, message: M): void;
  /** Ends sending and delivery. */
  close(): void;
}

export class WorkerMail {
  readonly #slot: number;
  readonly #slots: number;
  readonly #failed: (error: unknown) => void;
  /** Readers by subject. They return false for a message that is not of their form. */
  readonly #readers = new Map<string, (from: number, data: unknown) => boolean>();
  #incoming: BroadcastChannel | undefined;
  #isClosed = false;
  #hasFailed = false;

  /**
   * @param slot the row of this thread
   * @param slots the number of rows for threads
   * @param failed called for the first message that cannot be read
   */
  constructor(slot: number, slots: number, failed: (error: unknown) => void) {
    this.#slot = slot;
    this.#slots = slots;
    this.#failed = failed;
  }

  /** @param read returns undefined for anything that is not a message of the subject */
  box<M>(subject: string, read: (data: unknown) => M | undefined): Mailbox<M> {
    let isClosed = false;
    let deliver = (_from: number, _message: M): void => {};
    this.#readers.set(subject, (from, data) => {
      const message = read(data);
      if (message !== undefined && !isClosed) deliver(from, message);
      return message !== undefined;
    });
    return {
      receive: (receiver) => {
        deliver = receiver;
        this.#listen();
      },
      send: (to, message) => {
        if (!isClosed && !this.#isClosed) this.#post(to, [subject, this.#slot, message]);
      },
      close: () => {
        isClosed = true;
      },
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#incoming?.close();
  }

  #post(to: number, message: readonly unknown[]): void {
    const channel = channelOf(to);
    channel.postMessage(message);
    channel.close();
  }

  #listen(): void {
    if (this.#incoming !== undefined) return;
    const channel = channelOf(this.#slot);
    channel.onmessage = (event) => {
      if (!this.#isRead((event as { readonly data: unknown }).data)) this.#refuse();
    };
    channel.onmessageerror = () => this.#refuse();
    this.#incoming = channel;
  }

  #isRead(data: unknown): boolean {
    if (!Array.isArray(data)) return false;
    const [subject, from, message] = data as readonly unknown[];
    if (typeof subject !== 'string' || !this.#isOther(from)) return false;
    return this.#readers.get(subject)?.(from, message) ?? false;
  }

  #isOther(slot: unknown): slot is number {
    const isSlot = Number.isInteger(slot) && Number(slot) >= 1 && Number(slot) <= this.#slots;
    return isSlot && slot !== this.#slot;
  }

  #refuse(): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#failed(
      new Error('a message on the channel of this worker is not of the protocol; such messages are ignored'),
    );
  }
}
