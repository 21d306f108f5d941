// Code of services that the runtime calls back: close callbacks of WebSockets, abort listeners, onResponse
// hooks, ends of stream sources. It never runs inside a call into the core: V8 can end a loop there only up
// to the frame of the core, which gets no result from the callback that it has made, and ends the process.
// What becomes due inside such a call runs when the call has returned.

export class ServiceCode {
  /** Calls into the core that have not returned. */
  #calls = 0;
  readonly #due: (() => void)[] = [];

  /** A call into the core is on the stack, so nothing that runs may be ended there. */
  get isHeld(): boolean {
    return this.#calls > 0;
  }

  /**
   * Calls what may call back before it returns. Code of services that becomes due meanwhile runs behind it.
   */
  holdDuring(call: () => void): void {
    this.#hold(call, () => this.#runDue());
  }

  /**
   * As `holdDuring`, but that code runs in a later turn of the loop: the caller is to go on whatever it does.
   */
  holdOverTurn(call: () => void): void {
    // In a microtask of the timer, as the alarms of the timer wheel, and for the same reason.
    this.#hold(call, () => void setTimeout(() => queueMicrotask(() => this.#runDue()), 0));
  }

  /** @param callback throws nothing */
  run(callback: () => void): void {
    if (this.#calls === 0) callback();
    else this.#due.push(callback);
  }

  #hold(call: () => void, release: () => void): void {
    this.#calls++;
    try {
      call();
    } finally {
      this.#calls--;
      release();
    }
  }

  /** One that does not end is ended from outside: those behind it stay due until the next time. */
  #runDue(): void {
    while (this.#calls === 0 && this.#due.length > 0) this.#due.shift()!();
  }
}
