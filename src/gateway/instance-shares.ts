// The connections to instances that the requests of one client address hold in this worker. An address may
// hold half of those to one instance, so that no client keeps all others from it. A request holds its
// connection until its response is complete for the client: one that reads slowly holds it that long.
import { type HttpError, UnavailableError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';
import { networkOf } from '../server/client-network.js';
import type { RequestContext } from '../server/request-context.js';
import type { ConnectionClaim } from '../upstream/stream-admission.js';

export class InstanceShares {
  /** The connections to one instance that one address may hold. */
  readonly #most: number;
  readonly #onRefused: () => void;
  /** By instance and address; only those that hold one. */
  readonly #held = new Map<string, number>();

  /** @param connections those to one instance @param onRefused called for every refusal */
  constructor(connections: number, onRefused: () => void) {
    this.#most = Math.max(1, Math.floor(connections / 2));
    this.#onRefused = onRefused;
  }

  take(key: string): boolean {
    const held = this.#held.get(key) ?? 0;
    if (held < this.#most) {
      this.#held.set(key, held + 1);
      return true;
    }
    this.#onRefused();
    return false;
  }

  give(key: string): void {
    const held = this.#held.get(key)!;
    if (held === 1) this.#held.delete(key);
    else this.#held.set(key, held - 1);
  }
}

/** The connection that one request holds, one after the other when it is repeated. */
export class RequestConnection implements ConnectionClaim {
  readonly #shares: InstanceShares;
  readonly #ctx: RequestContext;
  #key: string | undefined;
  #isWatched = false;

  constructor(shares: InstanceShares, ctx: RequestContext) {
    this.#shares = shares;
    this.#ctx = ctx;
  }

  take({ slot }: Endpoint): HttpError | undefined {
    this.#release();
    const key = `${slot} ${networkOf(this.#ctx.ip)}`;
    if (!this.#shares.take(key))
      return new UnavailableError('OVERLOADED', 'This client has too many requests at one instance.');
    this.#key = key;
    const { exchange } = this.#ctx;
    // A request that has ended already releases it at once.
    if (!this.#isWatched || exchange.closed) exchange.onEnded(() => this.#release());
    this.#isWatched = true;
    return undefined;
  }

  #release(): void {
    const key = this.#key;
    this.#key = undefined;
    if (key !== undefined) this.#shares.give(key);
  }
}
