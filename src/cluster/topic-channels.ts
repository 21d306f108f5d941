// Published messages from worker to worker: what one turn of the loop has published goes to each worker that
// may have subscribers in one message.
import { types } from 'node:util';
import type { Mailbox } from './worker-mail.js';

type Message = readonly [topic: string, data: string | Uint8Array, isBinary: boolean];
export type TopicBatch = readonly Message[];

/** Who has subscribers of what, in shared memory. */
export interface Hints {
  joined(topic: string): void;
  left(topic: string): void;
  elsewhere(topic: string, found: (slot: number) => void): void;
}

function isMessage(value: unknown): value is Message {
  if (!Array.isArray(value)) return false;
  const [topic, data, isBinary] = value as readonly unknown[];
  const isData = typeof data === 'string' || (types.isUint8Array(data) && types.isArrayBuffer(data.buffer));
  return typeof topic === 'string' && isData && typeof isBinary === 'boolean';
}

/** A message as another worker has sent it. Not by `every`, which passes over the holes of an array. */
export function readTopicBatch(value: unknown): TopicBatch | undefined {
  if (!Array.isArray(value)) return undefined;
  for (const message of value) if (!isMessage(message)) return undefined;
  return value;
}

export class TopicChannels {
  readonly #hints: Hints;
  readonly #mail: Mailbox<TopicBatch>;
  /** What this turn of the loop has published, by slot. */
  #batches = new Map<number, Message[]>();
  #isClosed = false;

  constructor(hints: Hints, mail: Mailbox<TopicBatch>) {
    this.#hints = hints;
    this.#mail = mail;
  }

  /** Before anything is subscribed to here. */
  receive(deliver: (...message: Message) => void): void {
    this.#mail.receive((_from, batch) => {
      for (const message of batch) deliver(...message);
    });
  }

  publish(topic: string, data: string | Uint8Array, isBinary: boolean): void {
    if (this.#isClosed) return;
    let message: Message | undefined;
    this.#hints.elsewhere(topic, (slot) => {
      // Its own bytes: a view would take along all the memory behind it, and its owner may write to it
      // meanwhile.
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
    this.#mail.close();
  }

  #flush(): void {
    const batches = this.#batches;
    this.#batches = new Map();
    for (const [slot, batch] of batches) this.#mail.send(slot, batch);
  }
}
