// A program in another language that registers itself at one of the processes and renews that, as
// docs/services.md describes it.
import { NotFoundError } from '#src/errors.js';
import type { Cluster } from './cluster.js';

/** A third of the time for which a registration lasts by default. */
const RENEWED_MS = 10_000;
const FIRST_PORT = 9_000;
const REGISTRANT = { mayShadowLocal: false };

export class Client {
  readonly #cluster: Cluster;
  readonly #id: string;
  readonly #port: number;
  #place: number;

  constructor(cluster: Cluster, number: number) {
    this.#cluster = cluster;
    this.#id = `c${number}`;
    this.#port = FIRST_PORT + number;
    this.#place = number % cluster.places.length;
    this.#renew();
  }

  get key(): string {
    return `carts ${this.#id}`;
  }

  /** Goes to another process when the one of before does not respond. */
  #renew(): void {
    const { places, time } = this.#cluster;
    const member = places[this.#place];
    if (member?.host.responds !== true) {
      const others = [...places.keys()].filter((place) => places[place]?.host.responds);
      this.#place = this.#cluster.oneOf(others.length > 0 ? others : [this.#place]);
    }
    const registry = places[this.#place]?.registry;
    try {
      registry?.heartbeat('carts', this.#id);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      void registry?.put('carts', this.#id, { host: '10.0.0.9', port: this.#port }, REGISTRANT);
    }
    time.schedule(RENEWED_MS, () => this.#renew());
  }
}
