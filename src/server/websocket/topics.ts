// Publishes messages: to the sockets of this worker through the core, to those of all other workers over a
// bus.

/**
 * Connects the workers of one process. The messages of one worker arrive at every other one in their order.
 */
export interface TopicBus {
  /** Sets the receiver of messages. Called once, before anything is published. */
  receive(deliver: Deliver): void;
  /** Publishes to all other workers that have subscribers of the topic. */
  publish(topic: string, data: string | Uint8Array, isBinary: boolean): void;
  /** Called when this worker has its first subscriber of the topic. */
  joined(topic: string): void;
  /** Called when this worker has no subscriber of the topic any more. */
  left(topic: string): void;
}

export type Deliver = (topic: string, data: string | Uint8Array, isBinary: boolean) => void;

/** The bus of a single worker, in tests and without a cluster. */
const NO_BUS: TopicBus = { receive() {}, publish() {}, joined() {}, left() {} };

export class Topics {
  readonly #bus: TopicBus;
  #local: Deliver = () => {};

  constructor(bus: TopicBus = NO_BUS) {
    this.#bus = bus;
    bus.receive((...message) => this.#local(...message));
  }

  /** @param local delivers to the sockets of this worker */
  deliverBy(local: Deliver): void {
    this.#local = local;
  }

  /** Publishes to every subscriber. */
  publish(topic: string, data: string | Uint8Array, isBinary: boolean): void {
    this.#local(topic, data, isBinary);
    this.#bus.publish(topic, data, isBinary);
  }

  /** Publishes to the subscribers on other workers only: the caller has served those of this worker. */
  forward(topic: string, data: string | Uint8Array, isBinary: boolean): void {
    this.#bus.publish(topic, data, isBinary);
  }

  /**
   * Call when the number of subscribers in this worker has changed.
   * @param now the number of subscribers of the topic
   * @param before the number before the change
   */
  counted(topic: string, now: number, before: number): void {
    if (before === 0 && now > 0) this.#bus.joined(topic);
    else if (before > 0 && now === 0) this.#bus.left(topic);
  }
}
