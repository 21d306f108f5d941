// A client of undici, which has one connection, without two faults that its options do not change:
// - A `100 Continue` that was not asked for breaks the connection. A server may send one before any response
//   (RFC 9110 section 15.2.1), so here it is an interim response like 103.
// - When a running request is aborted, its connection is closed, and another one is opened for it before it
//   is dropped. That connection stays idle until its keep-alive time is over.
// Both mends use members of undici that are not documented, so package.json admits one minor version of it.
import type { Socket } from 'node:net';
import type { Client } from 'undici';
import { loadUndici, type Parser } from './undici.js';

interface QueuedRequest {
  readonly aborted: boolean;
}

const CONTINUE = 100;
const EARLY_HINTS = 103;

/** A `factory` of pools and agents. @param options those of undici */
export function mendedClient(origin: URL | string, options: object): Client {
  const { Client, parserOf, symbols } = loadUndici();
  const client = new Client(origin, options);
  const members = client as unknown as Readonly<Record<symbol, unknown>>;
  client.on('connect', () => {
    admitContinue(parserOf(members[symbols.kSocket] as Socket)!);
  });
  // Behind this event the client opens a connection if a request is pending.
  client.on('disconnect', () => {
    const queue = members[symbols.kQueue] as QueuedRequest[];
    const pending = members[symbols.kPendingIdx] as number;
    while (queue[pending]?.aborted === true) queue.splice(pending, 1);
  });
  return client;
}

function admitContinue(parser: Parser): void {
  const { onHeadersComplete } = parser;
  parser.onHeadersComplete = function (status, upgrade, shouldKeepAlive) {
    const admitted = status === CONTINUE ? EARLY_HINTS : status;
    return onHeadersComplete.call(this, admitted, upgrade, shouldKeepAlive);
  };
}
