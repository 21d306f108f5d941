// Decides when the writes of a response reach the core: at once in the request callback, within a cork
// outside of it, or in a later turn of the event loop while the response is deferred. A cork of the core
// gathers the writes of one call and sends them together; a request callback is corked by the core itself.
//
// While a response is not complete, the core closes the connection instead of executing what follows the
// request in the same packet. Deferring a response makes use of that. It is deferred:
// - when the framing of its request is doubtful, or the request carries `Connection: close`: then nothing
//   that follows may be executed (RFC 9112 section 9.6). A client that sends more nevertheless breaks that
//   rule and loses its response;
// - when the packets of clients have kept the event loop busy for too long (TurnWatch), and for a sample of
//   the responses without a body while there are many (BodilessWatch);
// - while the core may be in the middle of a packet with the rest of the body (uws-exchange.ts).

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

/** Writes within a cork at once. While the response is deferred, the write is kept until that ends. */
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

/**
 * Ends the deferral in the next turn of the event loop. A microtask would be too early, because it runs
 * before the core goes on with the packet.
 */
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
