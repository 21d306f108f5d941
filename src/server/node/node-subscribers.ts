// The subscriptions of the WebSockets of one server.
import type { Topics } from '../websocket/topics.js';
import type { OutgoingMessage } from './node-frames.js';

export interface Subscriber {
  /** The topics that it is subscribed to. */
  readonly topics: Set<string>;
  deliver(message: OutgoingMessage): void;
}

export class NodeSubscribers {
  readonly #topics: Topics;
  readonly #failed: (error: unknown) => void;
  readonly #byTopic = new Map<string, Set<Subscriber>>();

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
        subscriber.deliver(message);
      } catch (error) {
        this.#failed(error);
      }
    }
  }
}
