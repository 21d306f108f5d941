// Published messages: to the sockets of this worker through the core, to those of all others through a bus.

/** Between the workers of one process. What one worker publishes arrives everywhere in its order. */
export interface TopicBus {
  /** Called once, before anything is published. */
  receive(deliver: Deliver): void;
  /** To all other workers that have subscribers of the topic. */
  publish(topic: string, data: string | Uint8Array, isBinary: boolean): void;
  /** This worker has its first subscriber of the topic. */
  joined(topic: string): void;
  /** It has none left. */
  left(topic: string): void;
}

export type Deliver = (topic: string, data: string | Uint8Array, isBinary: boolean) => void;

/** One worker alone: tests, and what runs without a cluster. */
const NO_BUS: TopicBus = { receive() {}, publish() {}, joined() {}, left() {} };

export class Topics {
  readonly #bus: TopicBus;
  #local: Deliver = () => {};

  constructor(bus: TopicBus = NO_BUS) {
    this.#bus = bus;
    bus.receive((...message) => this.#local(...message));
  }

  /** Whoever holds this worker's sockets, as long as it does. */
  serveBy(local: Deliver): void {
    this.#local = local;
  }

  /** To every subscriber. */
  publish(topic: string, data: string | Uint8Array, isBinary: boolean): void {
    this.#local(topic, data, isBinary);
    this.#bus.publish(topic, data, isBinary);
  }

  /** To those on other workers: for a sender that has served its own. */
  forward(topic: string, data: string | Uint8Array, isBinary: boolean): void {
    this.#bus.publish(topic, data, isBinary);
  }

  /** @param now subscribers of the topic in this worker */
  counted(topic: string, now: number, before: number): void {
    if (before === 0 && now > 0) this.#bus.joined(topic);
    else if (before > 0 && now === 0) this.#bus.left(topic);
  }
}
