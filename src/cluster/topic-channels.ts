// Sends published WebSocket messages to other workers. All messages of one turn of the event loop go to each
// worker that may have subscribers as one batch.
import { types } from 'node:util';
import type { Mailbox } from './worker-mail.js';

type Message = readonly [topic: string, data: string | Uint8Array, isBinary: boolean];
export type TopicBatch = readonly Message[];

/** Which workers may have subscribers of which topic, in shared memory. */
export interface Hints {
  /** This worker has its first subscriber of the topic. */
  joined(topic: string): void;
  /** This worker has lost its last subscriber of the topic. */
  left(topic: string): void;
  /** Calls `found` with the slot of each other worker that may have subscribers. */
  elsewhere(topic: string, found: (slot: number) => void): void;
}

function isMessage(value: unknown): value is Message {
  if (!Array.isArray(value)) return false;
  const [topic, data, isBinary] = value as readonly unknown[];
  const isData = typeof data === 'string' || (types.isUint8Array(data) && types.isArrayBuffer(data.buffer));
  return typeof topic === 'string' && isData && typeof isBinary === 'boolean';
}

/**
 * Reads what another worker has sent.
 * @returns undefined when it is not a batch
 */
export function readTopicBatch(value: unknown): TopicBatch | undefined {
  if (!Array.isArray(value)) return undefined;
  // `every` would skip the holes of an array.
  for (const message of value) if (!isMessage(message)) return undefined;
  return value;
}

export class TopicChannels {
  readonly #hints: Hints;
  readonly #mail: Mailbox<TopicBatch>;
  /** Messages of this turn of the loop, by the slot that they are for. */
  #batches = new Map<number, Message[]>();
  #isClosed = false;

  constructor(hints: Hints, mail: Mailbox<TopicBatch>) {
    this.#hints = hints;
    this.#mail = mail;
  }

  /** Call it before this worker has subscribers. */
  receive(deliver: (...message: Message) => void): void {
    this.#mail.receive((_from, batch) => {
      for (const message of batch) deliver(...message);
    });
  }

  publish(topic: string, data: string | Uint8Array, isBinary: boolean): void {
    if (this.#isClosed) return;
    let message: Message | undefined;
    this.#hints.elsewhere(topic, (slot) => {
      // The message gets its own bytes: a view would be sent with the whole buffer behind it, and the caller
      // may write to it meanwhile.
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

  /** Sends what was published before. Later messages are dropped. */
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
