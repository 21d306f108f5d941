// When the writes of a response reach the core: at once in the request callback, corked outside of it, or in
// a later turn of the event loop while they are deferred.
//
// A response is deferred when the framing of its request is doubtful, or the request carries
// `Connection: close`. While a response is pending, the core closes the connection instead of executing what
// follows in the same packet, which must not be executed (RFC 9112 section 9.6). A client that sends more all
// the same breaks that rule and loses its response.

import type { CoreResponse } from './uws-core.js';
import type { ExchangeHost } from './uws-exchange-host.js';

/** An exchange, as far as its writes are concerned. A base class would cost each exchange 20 ns more. */
export interface CorkedWriter {
  readonly host: ExchangeHost;
  readonly res: CoreResponse;
  /** The response is complete, or the client has left. */
  readonly closed: boolean;
  isDeferred: boolean;
  /** The writes that wait while the response is deferred. */
  pending: (() => void) | undefined;
  destroy(): void;
}

/** Writes in the core's cork, or later while deferred. */
export function writeCorked(writer: CorkedWriter, write: () => void): void {
  if (!writer.isDeferred) {
    cork(writer, write);
    return;
  }
  const before = writer.pending;
  writer.pending = () => {
    before?.();
    write();
  };
}

/** Ends the deferral in the next turn. Microtasks are too early: they run before the core parses on. */
export function undeferLater(writer: CorkedWriter): void {
  setImmediate(() => {
    writer.isDeferred = false;
    const { pending } = writer;
    writer.pending = undefined;
    if (pending === undefined || writer.closed) return;
    try {
      cork(writer, pending);
    } catch (error) {
      writer.host.failed(error);
      writer.destroy();
    }
  });
}

/** Closes the connection at once. */
export function cut({ host, res }: Pick<CorkedWriter, 'host' | 'res'>): void {
  host.serviceCode.holdDuring(() => void res.close());
}

function cork({ host, res }: CorkedWriter, write: () => void): void {
  host.serviceCode.holdDuring(() => void res.cork(write));
}
