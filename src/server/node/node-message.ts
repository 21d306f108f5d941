// The request of `node:http`, as the server makes it: it says which requests leave HTTP.
//
// Node.js hands every request with `Upgrade` to the listener of upgrades, if there is one, and does not read
// its body. Here only a request for a WebSocket is handed over. Every other one is served: a server may
// ignore `Upgrade` (RFC 9110 section 7.8). Node.js 24 has an option for that, and older versions have not.
import { IncomingMessage } from 'node:http';

/** What the parser has found, then what was decided. */
const UPGRADE = Symbol('upgrade');

type Message = IncomingMessage & { [UPGRADE]: unknown };

/** @param isSocketAt whether a GET of this target finds a WebSocket */
export function messageClass(isSocketAt: (url: string) => boolean): typeof IncomingMessage {
  class ArrivingMessage extends IncomingMessage {}
  const isHandedOver = (message: Message): boolean =>
    message.method === 'CONNECT' || (asksForSocket(message) && isSocketAt(message.url ?? ''));
  Object.defineProperty(ArrivingMessage.prototype, 'upgrade', {
    get(this: Message) {
      if (this[UPGRADE] === true) this[UPGRADE] = isHandedOver(this);
      return this[UPGRADE];
    },
    set(this: Message, value: unknown) {
      this[UPGRADE] = value;
    },
  });
  return ArrivingMessage;
}

/** A request with a body is none for a WebSocket. */
function asksForSocket({ method, headers }: IncomingMessage): boolean {
  const { upgrade = '', 'content-length': length = '0' } = headers;
  if (method !== 'GET' || length !== '0' || headers['transfer-encoding'] !== undefined) return false;
  return upgrade.split(',').some((name) => name.trim().toLowerCase() === 'websocket');
}
