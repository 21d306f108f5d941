// A WebSocket as the callbacks of a service see it, over a socket of Node.js.
import type { Duplex } from 'node:stream';
import type { TraceContext } from '../../scope.js';
import type { Acceptance } from '../exchange.js';
import type { SendResult, ServerWebSocket, SocketRoute } from '../websocket/websocket.js';
import { checkClose, checkMessage, checkTopic } from '../websocket/websocket-checks.js';
import { FrameInput } from './frame-input.js';
import { MessageInflater } from './node-deflate.js';
import { closeFrame, OutgoingMessage, pingFrame, pongFrame } from './node-frames.js';
import { NodeOutput } from './node-output.js';
import type { OpenSocket, SocketOwner } from './node-socket-owner.js';
import { type FrameReader, loadWsLibrary } from './ws-library.js';

const NO_CLOSE_FRAME = 1006;
const PROTOCOL_ERROR = 1002;
const INVALID_DATA = 1007;
const POLICY_VIOLATION = 1008;
const TOO_BIG = 1009;
/** The reason in the close frame for a client that sends too many messages in a long turn. */
const FLOOD = 'too many messages at once';
/** Messages, pings and pongs that one socket may send in a turn of the event loop that has become long. */
const MOST_IN_LONG_TURN = 1024;

/** Errors of the reader and of inflating, other than a violation of the protocol. */
const FAULTS: ReadonlyMap<string | undefined, readonly [code: number, reason: string]> = new Map([
  ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', [TOO_BIG, 'message too big']],
  ['WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', [TOO_BIG, 'message too big']],
  ['ERR_BUFFER_TOO_LARGE', [TOO_BIG, 'message too big']],
  ['WS_ERR_TOO_MANY_BUFFERED_PARTS', [POLICY_VIOLATION, 'too many parts of one message']],
  ['WS_ERR_INVALID_UTF8', [INVALID_DATA, '']],
  ['Z_DATA_ERROR', [INVALID_DATA, '']],
]);

/** Fragments that one message may have, and more for large ones: each takes memory of its own. */
const MOST_FRAGMENTS = 1024;
const BYTES_PER_FRAGMENT = 4096;

/** A connection that does not end after the close frame is cut after this time. */
const CLOSE_MS = 5000;

const NOTHING = Buffer.alloc(0);

/** Keeps the memory of a message from being much larger than the message. */
const compact = (data: Buffer): Buffer =>
  data.buffer.byteLength > 2 * data.length + 64 ? Buffer.from(data) : data;

export interface Upgraded {
  readonly socket: Duplex;
  /** What has arrived behind the request. */
  readonly head: Buffer;
  /** Permessage-deflate was agreed on. */
  readonly deflates: boolean;
}

export class NodeWebSocket implements ServerWebSocket, OpenSocket {
  readonly params: ServerWebSocket['params'];
  readonly data: unknown;
  readonly protocol: string | undefined;
  readonly requestId: string;
  readonly topics = new Set<string>();
  readonly #openedBy: TraceContext;
  readonly #route: SocketRoute;
  readonly #owner: SocketOwner;
  readonly #socket: Duplex;
  #head: Buffer;
  readonly #output: NodeOutput;
  readonly #deflates: boolean;
  #isOpen = true;
  /** The last long turn of the event loop, and the number of messages in it. */
  #turn = 0;
  #messages = 0;
  /** Seconds without a byte from the client. */
  #idle = 0;

  constructor(acceptance: Acceptance, owner: SocketOwner, { socket, head, deflates }: Upgraded) {
    this.#route = acceptance.route;
    this.params = acceptance.params;
    this.data = acceptance.data;
    this.protocol = acceptance.protocol;
    this.requestId = acceptance.requestId;
    this.#openedBy = acceptance.trace;
    this.#owner = owner;
    this.#socket = socket;
    this.#head = head;
    this.#deflates = deflates;
    this.#output = new NodeOutput(socket, () => this.#drained());
    socket.on('error', () => undefined); // `close` follows
    socket.on('close', () => {
      if (this.#isOpen) owner.run(() => this.#over(NO_CLOSE_FRAME));
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }
  get bufferedBytes(): number {
    return this.#isOpen ? this.#output.bufferedBytes : 0;
  }

  send(data: string | Uint8Array, isBinary = typeof data !== 'string'): SendResult {
    checkMessage(data, isBinary);
    return this.#send(new OutgoingMessage(data, isBinary));
  }

  subscribe(topic: string): void {
    checkTopic(topic);
    if (this.#isOpen) this.#owner.subscribers.add(this.#route.topic(topic), this);
  }
  unsubscribe(topic: string): void {
    checkTopic(topic);
    this.#owner.subscribers.remove(this.#route.topic(topic), this);
  }
  isSubscribed(topic: string): boolean {
    checkTopic(topic);
    return this.topics.has(this.#route.topic(topic));
  }

  publish(name: string, data: string | Uint8Array, isBinary = typeof data !== 'string'): void {
    checkTopic(name);
    checkMessage(data, isBinary);
    const topic = this.#route.topic(name);
    this.#owner.subscribers.publish(topic, new OutgoingMessage(data, isBinary), this);
    this.#route.topics.forward(topic, data, isBinary);
  }

  ping(data: string | Uint8Array = ''): void {
    if (Buffer.byteLength(data) > 125) throw new RangeError('a ping has at most 125 bytes');
    this.#write(pingFrame(data));
  }

  close(code = 1000, reason = ''): void {
    checkClose(code, reason);
    if (this.#isOpen) this.#owner.serviceCode.holdDuring(() => this.#leave(code, reason));
  }

  terminate(): void {
    if (!this.#isOpen) return;
    this.#socket.destroy();
    this.#owner.serviceCode.holdDuring(() => this.#over(NO_CLOSE_FRAME));
  }

  // --- called by the server

  /** Runs the callback `open`, and reads from now on. Call it with no other callback of a service running. */
  opened(): void {
    if (!this.#isOpen) return;
    this.#owner.inContext(() => this.#read());
    this.#route.run('open', this, (open) => open(this));
  }

  deliver(message: OutgoingMessage): boolean {
    return this.#isOpen && this.#hasRoom() && this.#output.writeLater(message.frame(this.#deflates));
  }
  flush(): void {
    if (this.#isOpen) this.#output.release();
  }

  /** Call once a second. Pings a client that has sent nothing for long, and cuts it in the end. */
  tick(): void {
    const limit = Math.ceil(this.#route.limits.idleTimeoutMs / 1000);
    this.#idle++;
    if (this.#idle > limit) this.#socket.destroy();
    else if (this.#idle === limit - pingMargin(limit)) this.#write(pingFrame(''));
  }

  #read(): void {
    const socket = this.#socket;
    const reader = this.#newReader();
    const input = new FrameInput();
    if (this.#head.length > 0) socket.unshift(this.#head);
    this.#head = NOTHING;
    socket.on('data', (chunk: Buffer) => {
      this.#idle = 0;
      if (!this.#isOpen) return;
      this.#output.hold();
      const hasRoom = this.#pass(reader, input.pieces(chunk));
      this.#output.release();
      this.#owner.stores.leave();
      // The reader waits while it inflates a message.
      if (!hasRoom && reader.writableLength > 0 && this.#isOpen) socket.pause();
    });
    reader.on('drain', () => socket.resume());
    socket.on('end', () => {
      if (this.#isOpen) socket.destroy();
    });
    socket.resume();
  }

  /** @returns false when the reader reports by `drain` that it has room again */
  #pass(reader: FrameReader, pieces: readonly Buffer[]): boolean {
    let hasRoom = true;
    for (const piece of pieces) {
      if (!this.#isOpen) break;
      hasRoom = reader.write(piece);
    }
    return hasRoom;
  }

  #newReader(): FrameReader {
    const { maxPayload } = this.#route.limits;
    const { Receiver } = loadWsLibrary();
    const reader = new Receiver({
      isServer: true,
      maxPayload,
      maxFragments: Math.max(MOST_FRAGMENTS, maxPayload / BYTES_PER_FRAGMENT),
      extensions: this.#deflates
        ? { 'permessage-deflate': new MessageInflater(maxPayload, this.#owner.turns) }
        : {},
    });
    reader.on('message', (data, isBinary) => this.#received(data, isBinary));
    reader.on('ping', (data) => {
      if (!this.#isFlood()) this.#write(pongFrame(data));
    });
    reader.on('pong', () => this.#isFlood());
    reader.on('conclude', (code, reason) => {
      if (this.#isOpen) this.#leave(code, reason.toString());
    });
    reader.on('error', ({ code }) => {
      const [fault, reason] = FAULTS.get(code) ?? [PROTOCOL_ERROR, ''];
      if (this.#isOpen) this.#leave(fault, reason);
    });
    return reader;
  }

  #received(data: Buffer, isBinary: boolean): void {
    if (!this.#isOpen) return;
    this.#owner.stores.leave();
    if (!this.#isFlood())
      this.#route.received(this, isBinary ? compact(data) : data.toString(), isBinary, this.#openedBy);
  }

  /** Counts what arrives in a turn that has become long. @returns true when it is too much, and refused */
  #isFlood(): boolean {
    const { turns } = this.#owner;
    if (!turns.isLong()) return false;
    if (this.#turn !== turns.turn) this.#messages = 0;
    this.#turn = turns.turn;
    if (++this.#messages <= MOST_IN_LONG_TURN) return false;
    this.close(POLICY_VIOLATION, FLOOD);
    return true;
  }

  #send(message: OutgoingMessage): SendResult {
    if (!this.#isOpen || !this.#hasRoom()) return 'dropped';
    return this.#output.write(message.frame(this.#deflates)) ? 'sent' : 'buffered';
  }

  #write(controlFrame: Buffer): void {
    if (this.#isOpen && this.#hasRoom()) this.#output.write(controlFrame);
  }

  /** False when a client that reads slowly gets nothing more. It may be cut. */
  #hasRoom(): boolean {
    const { maxBackpressure, onBackpressureLimit } = this.#route.limits;
    if (this.#output.bytes <= maxBackpressure) return !this.#socket.destroyed;
    // Its callback `close` runs later, so not within the code that sends.
    if (onBackpressureLimit === 'close') this.#socket.destroy();
    return false;
  }

  #drained(): void {
    this.#idle = 0;
    if (this.#isOpen) this.#owner.run(() => this.#route.run('drain', this, (drain) => drain(this)));
  }

  /** Sends the close frame, also in reply to that of the client, and closes the connection. */
  #leave(code: number, reason: string): void {
    const socket = this.#socket;
    this.#output.end(closeFrame(code, reason));
    const cut = this.#owner.wheel.after(CLOSE_MS, () => socket.destroy());
    socket.once('close', () => cut.cancel());
    // What the client still sends is read, as far as its close frame or the end: otherwise the system would
    // reset the connection, and the client might lose what was sent.
    socket.resume();
    this.#over(code, reason);
  }

  #over(code: number, reason = ''): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#owner.forget(this);
    this.#owner.serviceCode.run(() => {
      this.#route.run('close', this, (close) => close(this, code, reason));
    });
  }
}

/**
 * Seconds before the end of the idle time at which a client is pinged: 4, 8 or 16, as the other core does.
 */
function pingMargin(idleSeconds: number): number {
  if (idleSeconds >= 48) return 16;
  return idleSeconds >= 24 ? 8 : 4;
}
