// Runs the code of services that the runtime calls back: close callbacks of WebSockets, abort listeners,
// onResponse hooks, ends of stream sources. This code never runs inside a call into the core. There V8 could
// interrupt a loop only up to the frame of the core, which would get no result from its callback and end the
// process. Code that becomes due inside such a call runs when the call has returned.

export class ServiceCode {
  /** Number of calls into the core that have not returned. */
  #calls = 0;
  readonly #due: (() => void)[] = [];

  /** A call into the core is on the stack, so the running code must not be interrupted. */
  get isHeld(): boolean {
    return this.#calls > 0;
  }

  /**
   * Makes a call that may call back before it returns. Code of services that becomes due meanwhile runs after
   * it.
   */
  holdDuring(call: () => void): void {
    this.#hold(call, () => this.#runDue());
  }

  /**
   * Does the same, but code of services that becomes due runs in a later turn of the event loop. So the
   * caller goes on even if that code never returns.
   */
  holdOverTurn(call: () => void): void {
    // It runs in a microtask of the timer for the same reason as the alarms of the timer wheel.
    this.#hold(call, () => void setTimeout(() => queueMicrotask(() => this.#runDue()), 0));
  }

  /** @param callback throws nothing */
  run(callback: () => void): void {
    if (this.#calls === 0) callback();
    else this.#due.push(callback);
  }

  /**
   * Counts the calls anew, and runs the code that has become due. V8 runs no `finally` when it interrupts
   * code: a service that calls the runtime inside a `node:vm` script with a timeout may leave a call counted
   * that has not returned. Call it directly in a callback of the event loop, where no call is on the stack.
   */
  recount(): void {
    this.#calls = 0;
    if (this.#due.length > 0) queueMicrotask(() => this.#runDue());
  }

  #hold(call: () => void, release: () => void): void {
    const calls = this.#calls;
    this.#calls = calls + 1;
    try {
      call();
    } finally {
      // An interrupted call inside of this one has not been counted out.
      this.#calls = calls;
      release();
    }
  }

  /** When a callback is interrupted, those that follow it stay due until the next call or recount. */
  #runDue(): void {
    while (this.#calls === 0 && this.#due.length > 0) this.#due.shift()!();
  }
}
