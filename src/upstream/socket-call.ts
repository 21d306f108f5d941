// A call that opens a WebSocket. Which instance gets it, and whether another one is tried, is decided as for
// every call.

import { receive } from './buffered-response.js';
import { NO_FIELDS } from './call-request.js';
import { endToEnd } from './http-transport.js';
import { openSocket, type SocketRefusal, type SocketRequest } from './socket-handshake.js';
import {
  attemptFields,
  callBy,
  type Relayed,
  type StreamCall,
  type StreamCallDependencies,
  type StreamCallOptions,
} from './stream-call.js';
import { UpstreamSocket } from './upstream-socket.js';

export type { SocketRefusal } from './socket-handshake.js';

export interface OpenedSocket {
  /** It is paused. */
  readonly socket: UpstreamSocket;
}

const SWITCHING_PROTOCOLS = 101;
const NO_BYTES = new Uint8Array(0);

/** Fields of the handshake, which has a new one for each connection. */
const OF_HANDSHAKE = /^sec-websocket-/;

/** @throws as `callStream` */
export function callSocket(
  dependencies: StreamCallDependencies,
  call: StreamCall,
  options: StreamCallOptions,
  socket: Pick<SocketRequest, 'protocols' | 'maxMessageBytes'>,
): Promise<OpenedSocket | SocketRefusal | Relayed> {
  return callBy<OpenedSocket | SocketRefusal>(dependencies, call, options, ({ endpoint }, attempt, next) => {
    const { path } = call.request;
    const headers = withoutHandshake(attemptFields(dependencies, call, endpoint, attempt.trace));
    return openSocket(endpoint, { path, headers, ...socket, abort: call.abort }).then(
      (opened) => {
        if (!(opened instanceof UpstreamSocket)) {
          const { status, fields, body } = opened;
          const { mayRepeat } = attempt.returned(receive(status, endToEnd(fields), body));
          return next({ kind: 'returned', value: opened, mayRepeat });
        }
        attempt.returned(receive(SWITCHING_PROTOCOLS, NO_FIELDS, NO_BYTES));
        dependencies.load.begin(endpoint.slot);
        opened.onClosed(() => dependencies.load.end(endpoint.slot));
        return next({ kind: 'returned', value: { socket: opened }, mayRepeat: false });
      },
      (error: unknown) => next(attempt.failed(error)),
    );
  });
}

const withoutHandshake = (fields: readonly string[]): string[] =>
  fields.filter((_, i) => !OF_HANDSHAKE.test(fields[i - (i % 2)]!));
