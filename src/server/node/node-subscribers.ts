// The subscriptions of the WebSockets of one server.
import type { Topics } from '../websocket/topics.js';
import type { OutgoingMessage } from './node-frames.js';

export interface Subscriber {
  /** The topics that it is subscribed to. */
  readonly topics: Set<string>;
  /** @returns true when `flush` has to be called at the end of this turn of the event loop */
  deliver(message: OutgoingMessage): boolean;
  flush(): void;
}

export class NodeSubscribers {
  readonly #topics: Topics;
  readonly #failed: (error: unknown) => void;
  readonly #byTopic = new Map<string, Set<Subscriber>>();
  /** They have messages that wait for the end of the turn, so that all of a turn leave together. */
  #unflushed: Subscriber[] = [];

  /** @param failed called with the error of a subscriber; the others get the message */
  constructor(topics: Topics, failed: (error: unknown) => void) {
    this.#topics = topics;
    this.#failed = failed;
  }

  add(topic: string, subscriber: Subscriber): void {
    if (subscriber.topics.has(topic)) return;
    subscriber.topics.add(topic);
    const subscribers = this.#byTopic.get(topic) ?? new Set();
    if (subscribers.size === 0) this.#byTopic.set(topic, subscribers);
    subscribers.add(subscriber);
    this.#topics.counted(topic, subscribers.size, subscribers.size - 1);
  }

  remove(topic: string, subscriber: Subscriber): void {
    const subscribers = this.#byTopic.get(topic);
    if (subscribers === undefined || !subscribers.delete(subscriber)) return;
    subscriber.topics.delete(topic);
    if (subscribers.size === 0) this.#byTopic.delete(topic);
    this.#topics.counted(topic, subscribers.size, subscribers.size + 1);
  }

  removeAll(subscriber: Subscriber): void {
    for (const topic of subscriber.topics) this.remove(topic, subscriber);
  }

  /** Calls no code of a service. @param except gets no message: it has sent it */
  publish(topic: string, message: OutgoingMessage, except?: Subscriber): void {
    for (const subscriber of this.#byTopic.get(topic) ?? []) {
      if (subscriber === except) continue;
      try {
        if (subscriber.deliver(message)) this.#flushLater(subscriber);
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  #flushLater(subscriber: Subscriber): void {
    if (this.#unflushed.push(subscriber) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    for (const subscriber of this.#unflushed.splice(0)) {
      try {
        subscriber.flush();
      } catch (error) {
        this.#failed(error);
      }
    }
  }
}
