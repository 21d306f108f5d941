/** A route that was used in a window. */
interface KnownPart {
  /** 0..1: how far its cost is not known yet. */
  readonly novelty: number;
  /** Requests that entered in the window. */
  readonly entering: { readonly count: number };
}

/** The weight that older windows keep when a window is added: about one second is remembered. */
const UNKNOWN_KEPT = 0.95;
/** Requests until the cost is fully trusted, at most one of each route in a window. */
const TRUSTED_UNKNOWN = 20;

/**
 * The mean cost of requests whose routes are not known yet. When many routes are in use, the costs of all of
 * them together are known long before each has had a hundred requests: they are the busy time of the windows
 * that known costs do not explain. Expected costs do not count as evidence.
 */
export class UnknownRoutes {
  /** Milliseconds that one request is expected to cost its thread, as far as known. */
  expectedMs = 0;
  #requests = 0;
  #workMs = 0;
  #seen = 0;

  /** @param besideMs busy time of the window that known costs do not explain */
  note(routes: readonly KnownPart[], besideMs: number): void {
    this.#requests *= UNKNOWN_KEPT;
    this.#workMs *= UNKNOWN_KEPT;
    this.#seen *= UNKNOWN_KEPT;
    let unknown = 0;
    for (const { novelty, entering } of routes) {
      this.#seen += novelty * Math.min(1, entering.count);
      unknown += novelty * entering.count;
    }
    this.#requests += unknown;
    if (this.#requests > 0) this.#workMs += Math.max(0, besideMs);
    const trust = Math.min(1, this.#seen / TRUSTED_UNKNOWN);
    this.expectedMs = this.#requests > 0 ? (this.#workMs / this.#requests) * trust : 0;
  }
}
