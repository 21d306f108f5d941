// What aborts a piece of work, without an AbortSignal for it. Making a signal and adding and removing a
// listener take several microseconds and more than a kilobyte of heap, and hardly any work is aborted. So a
// signal is made only where code asks for one.
import { setMaxListeners } from 'node:events';
import { type Linked, LinkedList } from './linked-list.js';

/** An entry in the list of one source at a time. */
export interface AbortListener extends Linked<AbortListener> {
  /**
   * Called at most once, and perhaps although another listener of the same abort has removed this one. It
   * must not throw.
   */
  onAbort(reason: unknown): void;
  /** Called when nothing aborts the source at its deadline any more. It must not throw. */
  onUnbounded?(): void;
}

/** `aborted` and `reason` are those of an AbortSignal. */
export interface AbortSource {
  readonly aborted: boolean;
  readonly reason: unknown;
  /** Reading it may create it. */
  readonly signal: AbortSignal;
  /** @param listener never called when the source had aborted before */
  listen(listener: AbortListener): void;
  /** @param listener one that listens */
  unlisten(listener: AbortListener): void;
}

/**
 * Keeps Node from warning that a signal has many listeners: work that runs in parallel adds many to one
 * signal, which is no leak. Call it before the signal goes to libraries that listen to it. The limit is not
 * 0, which means the same: `getMaxListeners` of Node 20 throws for a target with it, and libraries ask.
 */
export function manyMayListen(signal: AbortSignal): void {
  setMaxListeners(Infinity, signal);
}

/** A source that its owner aborts. */
export class OwnAbort implements AbortSource {
  readonly #listeners = new LinkedList<AbortListener>();
  #controller: AbortController | undefined;
  #aborted = false;
  #reason: unknown;

  get aborted(): boolean {
    return this.#aborted;
  }
  get reason(): unknown {
    return this.#reason;
  }
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      manyMayListen(this.#controller.signal);
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  listen(listener: AbortListener): void {
    if (!this.#aborted) this.#listeners.add(listener);
  }

  unlisten(listener: AbortListener): void {
    if (!this.#aborted) this.#listeners.remove(listener);
  }

  /** Tells what listens that it has to end in time by itself. */
  unbound(): void {
    for (let one = this.#listeners.oldest; one !== undefined; one = one.newer) one.onUnbounded?.();
  }

  /** Aborts once; further calls do nothing. Listeners of the runtime come before those of the signal. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    callAll(this.#listeners, reason);
    this.#controller?.abort(reason);
  }
}

/** The source that an AbortSignal is. It listens to the signal only while it has listeners itself. */
export class SignalAbort implements AbortSource {
  readonly signal: AbortSignal;
  readonly #listeners = new LinkedList<AbortListener>();

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  get aborted(): boolean {
    return this.signal.aborted;
  }
  get reason(): unknown {
    return this.signal.reason;
  }

  listen(listener: AbortListener): void {
    if (this.aborted) return;
    if (this.#listeners.size === 0) {
      manyMayListen(this.signal);
      this.signal.addEventListener('abort', this, { once: true });
    }
    this.#listeners.add(listener);
  }

  unlisten(listener: AbortListener): void {
    if (this.aborted) return;
    this.#listeners.remove(listener);
    if (this.#listeners.size === 0) this.signal.removeEventListener('abort', this);
  }

  /** For the signal. */
  handleEvent(): void {
    // Code may dispatch the event without an abort.
    if (!this.aborted) this.signal.addEventListener('abort', this, { once: true });
    else callAll(this.#listeners, this.reason);
  }
}

function callAll(listeners: LinkedList<AbortListener>, reason: unknown): void {
  for (let next = listeners.oldest; next !== undefined; next = listeners.oldest) {
    listeners.remove(next);
    next.onAbort(reason);
  }
}
