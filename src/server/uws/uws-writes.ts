// When the writes of a response reach the core: at once in the request callback, corked outside of it, or in
// a later turn of the event loop while they are deferred.
//
// A response is deferred when the framing of its request is doubtful, or the request carries
// `Connection: close`. While a response is pending, the core closes the connection instead of executing what
// follows in the same packet, which must not be executed (RFC 9112 section 9.6). A client that sends more all
// the same breaks that rule and loses its response.

import type { CoreResponse } from './uws-core.js';
import type { ExchangeHost } from './uws-exchange-host.js';

export abstract class UwsWrites {
  protected readonly host: ExchangeHost;
  /** Dead after the response, an abort or a close: any use then throws, or worse. */
  protected readonly res: CoreResponse;
  /** In the request callback writes are corked by the core, and no abort can happen. */
  protected inCallback = true;
  protected isDeferred: boolean;
  /** The writes that wait while the response is deferred. */
  protected pending: (() => void) | undefined;

  constructor(host: ExchangeHost, res: CoreResponse, isDeferred: boolean) {
    this.host = host;
    this.res = res;
    this.isDeferred = isDeferred;
  }

  /** The response is complete, or the client has left. */
  abstract get closed(): boolean;
  abstract destroy(): void;

  /** Writes in the core's cork, or later while deferred. */
  protected corked(write: () => void): void {
    if (this.isDeferred) {
      const before = this.pending;
      this.pending = () => {
        before?.();
        write();
      };
      return;
    }
    this.#cork(write);
  }

  /** Ends the deferral in the next turn. Microtasks are too early: they run before the core parses on. */
  protected undeferLater(): void {
    setImmediate(() => {
      this.isDeferred = false;
      const { pending } = this;
      this.pending = undefined;
      if (pending === undefined || this.closed) return;
      try {
        this.#cork(pending);
      } catch (error) {
        this.host.failed(error);
        this.destroy();
      }
    });
  }

  /** Closes the connection at once. */
  protected cut(): void {
    this.host.serviceCode.holdDuring(() => void this.res.close());
  }

  #cork(write: () => void): void {
    this.host.serviceCode.holdDuring(() => void this.res.cork(write));
  }
}
