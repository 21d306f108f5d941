// Messages from worker to worker, past the primary. Each thread reads one channel, named for its slot, so
// that workers come and go without a list of them, and a process has as many channels as threads. Each is
// read by one thread: a channel of all would queue everything at a thread that is stalled. One that only
// sends would get what all others send, so a sender opens the channel, posts, and closes it: about 10 us more
// than a channel that stays open, which would be one for each pair of threads (with 256 workers 165,000 of
// them, 5 KiB each).
//
// Posting puts a message into the other thread's queue before it returns, behind all that was posted before:
// what a thread posts right before it ends arrives as well. Code of services can post to these channels too,
// so a message counts only when it has the form that its reader knows.
import { BroadcastChannel } from 'node:worker_threads';

const channelOf = (slot: number): BroadcastChannel => {
  const channel = new BroadcastChannel(`multilane/mail/${slot}`);
  channel.unref();
  return channel;
};

/** Messages about one subject. */
export interface Mailbox<M> {
  receive(deliver: (from: number, message: M) => void): void;
  /** Is in the other thread's queue when it returns. To a slot without a thread it is lost. */
  send(to: number, message: M): void;
  /** Nothing is sent or delivered any more. */
  close(): void;
}

export class WorkerMail {
  readonly #slot: number;
  readonly #slots: number;
  readonly #failed: (error: unknown) => void;
  /** By subject; false for a message that is not of its form. */
  readonly #readers = new Map<string, (from: number, data: unknown) => boolean>();
  #incoming: BroadcastChannel | undefined;
  #isClosed = false;
  #hasFailed = false;

  /**
   * @param slots of workers there may be
   * @param failed told of the first message that cannot be read
   */
  constructor(slot: number, slots: number, failed: (error: unknown) => void) {
    this.#slot = slot;
    this.#slots = slots;
    this.#failed = failed;
  }

  /** @param read undefined for what is not a message */
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
    this.#failed(new Error('a message on the channel of a worker is not of the protocol and is ignored'));
  }
}
