// Bounds the probes that are under way at the same time, because each has a connection. Those that are due
// while there is no place wait for one, in their order. The prober has two lanes, so that instances whose
// probes run into the time-out take no places of those that respond.
import { type Linked, LinkedList } from '../linked-list.js';

/** The most probes at the same time, however many files may be open. */
const MOST = 256;
/** These may be taken of the files that are kept for everything but connections. */
const LEAST = 32;
/**
 * The most of instances that respond. Their responses may arrive in one turn of the event loop, and each
 * takes 0.1 ms of it; in a local network 64 at the same time are thousands in a second.
 */
const MOST_RESPONSIVE = 64;

/**
 * @param spareFiles files that neither connections nor the rest of the process need: half of them are for
 *   probes
 * @returns how many probes may be under way of instances that respond, and how many of all others
 */
export function probeLimits(spareFiles: number): { readonly responsive: number; readonly others: number } {
  const most = Math.min(MOST, Math.max(LEAST, Math.floor(spareFiles / 2)));
  const responsive = Math.min(MOST_RESPONSIVE, Math.floor(most / 2));
  return { responsive, others: most - responsive };
}

interface Waiting extends Linked<Waiting> {
  readonly begin: () => void;
}

export class ProbeLane {
  readonly #most: number;
  readonly #waiting = new LinkedList<Waiting>();
  #underWay = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Calls `begin` as soon as there is a place, which `end` releases.
   * @returns a function that stops waiting for it; it must not be called after `begin` was
   */
  enter(begin: () => void): () => void {
    if (this.#underWay < this.#most) {
      this.#underWay++;
      begin();
      return () => undefined;
    }
    const waiting = { begin };
    this.#waiting.add(waiting);
    return () => this.#waiting.remove(waiting);
  }

  end(): void {
    const next = this.#waiting.oldest;
    if (next === undefined) {
      this.#underWay--;
      return;
    }
    this.#waiting.remove(next);
    next.begin();
  }
}
