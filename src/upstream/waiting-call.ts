// A call that waits because the endpoint admits no more of this thread at present.
import type { AbortListener, AbortSource } from '../abort-source.js';

/** What becomes of a call that waits; one of the three is called. */
export interface WaitingEnds<Place> {
  begin(place: Place): void;
  fail(reason: Error): void;
  /** The request was aborted. */
  left(call: WaitingCall<Place>, reason: unknown): void;
}

export class WaitingCall<Place> implements AbortListener {
  older: AbortListener | undefined;
  newer: AbortListener | undefined;
  readonly #abort: AbortSource;
  readonly #ends: WaitingEnds<Place>;

  constructor(abort: AbortSource, ends: WaitingEnds<Place>) {
    this.#abort = abort;
    this.#ends = ends;
    abort.listen(this);
  }

  /** A call that is being aborted does not begin: `onAbort` follows. */
  begin(place: Place): void {
    if (this.#abort.aborted) return;
    this.#abort.unlisten(this);
    this.#ends.begin(place);
  }

  fail(reason: Error): void {
    this.#abort.unlisten(this);
    this.#ends.fail(reason);
  }

  onAbort(reason: unknown): void {
    this.#ends.left(this, reason);
  }
}
