// WebSockets of one server on `node:http`: the response to the handshake, and what all sockets share.
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { OwnContext } from '../../scope.js';
import type { App } from '../app.js';
import type { EnteredStores } from '../entered-stores.js';
import type { Acceptance } from '../exchange.js';
import { octetsOf } from '../response/field-octets.js';
import type { ServiceCode } from '../service-code.js';
import type { TimerWheel } from '../timer-wheel.js';
import type { TurnWatch } from '../turn-watch.js';
import { agreedDeflate } from './node-deflate.js';
import { OutgoingMessage } from './node-frames.js';
import type { OpenSocket, SocketOwner } from './node-socket-owner.js';
import { NodeSubscribers } from './node-subscribers.js';
import { NodeWebSocket } from './node-websocket.js';
import { loadWsLibrary } from './ws-library.js';

const GOING_AWAY = 1001;
const SWEEP_MS = 1000;
/** RFC 6455 section 4.2.2. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** What WebSockets need of their server. */
export interface NodeWebSocketHost {
  readonly stores: EnteredStores;
  readonly turns: TurnWatch;
  /** Logs an error. Never throws. */
  readonly failed: (error: unknown) => void;
}

export class NodeWebSockets implements SocketOwner {
  readonly stores: EnteredStores;
  readonly turns: TurnWatch;
  readonly wheel: TimerWheel;
  readonly serviceCode: ServiceCode;
  readonly subscribers: NodeSubscribers;
  readonly #topics: App['topics'];
  readonly #context = new OwnContext();
  readonly #open = new Set<OpenSocket>();
  #isSwept = false;

  constructor(app: App, { stores, turns, failed }: NodeWebSocketHost) {
    const { wheel, serviceCode, topics } = app;
    if (app.webSockets().length > 0) loadWsLibrary();
    this.stores = stores;
    this.turns = turns;
    this.wheel = wheel;
    this.serviceCode = serviceCode;
    this.subscribers = new NodeSubscribers(topics, failed);
    this.#topics = topics;
    topics.deliverBy((topic, data, isBinary) => {
      this.subscribers.publish(topic, new OutgoingMessage(data, isBinary));
    });
  }

  /**
   * Responds 101. The socket is the route's from now on: call `opened()` of the result when no other callback
   * of a service runs.
   * @param head what has arrived behind the request
   * @returns undefined when the client has left
   */
  accept(socket: Duplex, head: Buffer, acceptance: Acceptance): NodeWebSocket | undefined {
    if (socket.destroyed || !socket.writable || socket.readableEnded) {
      socket.destroy();
      return undefined;
    }
    const { route, extensions } = acceptance;
    const deflate = route.limits.perMessageDeflate ? agreedDeflate(extensions) : undefined;
    const { setTimeout, setNoDelay } = socket as Partial<Socket>;
    setTimeout?.call(socket, 0);
    setNoDelay?.call(socket, true);
    const opened = new NodeWebSocket(acceptance, this, { socket, head, deflates: deflate !== undefined });
    socket.write(responseTo(acceptance, deflate));
    this.#open.add(opened);
    this.#sweepLater();
    return opened;
  }

  /** Closes all with 1001. @returns how many they are */
  leave(): number {
    const leaving = [...this.#open];
    // All of them are closed before the first callback of a service runs, so a callback that never returns
    // does not stop the drain.
    this.serviceCode.holdOverTurn(() => {
      for (const socket of leaving) socket.close(GOING_AWAY);
    });
    return leaving.length;
  }

  /** Cuts all at once, and publishes nothing any more. Call when the server closes. */
  end(): void {
    this.#topics.deliverBy(() => {});
    this.serviceCode.holdDuring(() => {
      for (const socket of this.#open) socket.terminate();
    });
  }

  inContext(call: () => void): void {
    this.#context.enter(call);
  }

  run(callback: () => void): void {
    this.inContext(() => {
      this.stores.leave();
      callback();
      this.stores.leave();
    });
  }

  forget(socket: OpenSocket): void {
    this.#open.delete(socket);
    this.subscribers.removeAll(socket);
  }

  /**
   * One alarm serves all sockets. A loop that was stalled counts as one period, whatever has not been read.
   */
  #sweepLater(): void {
    if (this.#isSwept) return;
    this.#isSwept = true;
    this.wheel.after(SWEEP_MS, () => {
      this.#isSwept = false;
      for (const socket of this.#open) socket.tick();
      if (this.#open.size > 0) this.#sweepLater();
    });
  }
}

function responseTo({ key, protocol, headers }: Acceptance, deflate: string | undefined): Buffer {
  const lines: (string | Uint8Array)[] = [
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ',
    createHash('sha1')
      .update(key + ACCEPT_SUFFIX)
      .digest('base64'),
  ];
  if (protocol !== undefined) lines.push('\r\nSec-WebSocket-Protocol: ', protocol);
  if (deflate !== undefined) lines.push('\r\nSec-WebSocket-Extensions: ', deflate);
  for (let i = 0; i < headers.length; i += 2)
    lines.push('\r\n', headers[i]!, ': ', octetsOf(headers[i + 1]!));
  lines.push('\r\n\r\n');
  return Buffer.concat(lines.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}
