import { MOST_WATCHED_MS, threadWatch, type Watch } from '../resilience/loop-watch.js';

/**
 * Ends an attempt to connect that takes too long. Only time counts in which the thread was not stalled:
 * names, TLS and HTTP/2 need several turns of its loop. What has come during the last turn is read before the
 * attempt ends.
 */
export class ConnectLimit {
  readonly #ms: number;
  readonly #end: () => void;
  readonly #watch: Watch;
  readonly #mark: number;
  readonly #since = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #behindEvents: NodeJS.Immediate | undefined;
  #isLifted = false;

  /** It does not keep the process alive. @param end called after `ms` milliseconds, unless it was lifted */
  constructor(ms: number, end: () => void, watch: Watch = threadWatch) {
    this.#ms = ms;
    this.#end = end;
    this.#watch = watch;
    this.#mark = watch.begin();
    this.#wait(ms);
  }

  /** Call when the attempt has ended. */
  lift(): void {
    if (this.#isLifted) return;
    this.#isLifted = true;
    this.#watch.end();
    clearTimeout(this.#timer);
    clearImmediate(this.#behindEvents);
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), ms).unref();
  }

  #look(): void {
    const leftMs = this.#leftMs();
    if (leftMs > 0) {
      this.#wait(leftMs);
      return;
    }
    // It keeps the process alive for one turn: without that it would wait for the next event.
    this.#behindEvents = setImmediate(() => {
      this.lift();
      this.#end();
    });
  }

  /** The beginning of a stall counts as watched, and must not be the end of the attempt: it is added once. */
  #leftMs(): number {
    const missedMs = this.#watch.missedSince(this.#mark);
    const watchedMs = performance.now() - this.#since - missedMs;
    return this.#ms - watchedMs + (missedMs < 1 ? 0 : MOST_WATCHED_MS);
  }
}
