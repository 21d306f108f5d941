// A WebSocket as the callbacks of a service see it.
import type { TraceContext } from '../../scope.js';
import type { Acceptance } from '../exchange.js';
import type { ServiceCode } from '../service-code.js';
import type { SendResult, ServerWebSocket, SocketRoute } from '../websocket/websocket.js';
import { checkClose, checkMessage, checkTopic } from '../websocket/websocket-checks.js';
import type { CoreWebSocket } from './uws-core.js';

/** Smaller messages are not compressed. */
const DEFLATE_FROM_BYTES = 1024;
const TOO_BIG = 1009;
/** Messages that one socket may send within a turn of the event loop that has become long. */
const MOST_IN_LONG_TURN = 1024;
/** The close code for each reason that the core gives with 1006. */
const CODES: ReadonlyMap<string, number> = new Map([
  ['Received too big message', TOO_BIG],
  ['Received too big message, or other inflation error', TOO_BIG],
  ['Received invalid UTF-8', 1007],
  ['Received invalid WebSocket frame', 1002],
  // The client closed with a code. The core rejects 1012..2999, as it should, and 3000..3999: the code is
  // lost.
  ['Received invalid close payload', 1005],
]);
const SENT_AS = ['buffered', 'sent', 'dropped'] as const satisfies readonly SendResult[];

export const isWorthDeflating = (data: string | Uint8Array): boolean => data.length >= DEFLATE_FROM_BYTES;
export const textOf = (bytes: ArrayBuffer): string => Buffer.from(bytes).toString();

/** Only this object holds the core's socket, because any use of it after its end throws. */
export class UwsWebSocket implements ServerWebSocket {
  readonly params: ServerWebSocket['params'];
  readonly data: unknown;
  readonly protocol: string | undefined;
  readonly requestId: string;
  readonly #openedBy: TraceContext;
  readonly #route: SocketRoute;
  readonly #serviceCode: ServiceCode;
  /** Undefined before it is open and once it is closed. */
  #ws: CoreWebSocket | undefined;
  /** The code with which the service has closed the socket. */
  #closedWith: number | undefined;
  /** The last long turn of the event loop, and the number of messages in it. */
  #turn = 0;
  #messages = 0;

  constructor({ route, params, data, protocol, requestId, trace }: Acceptance, serviceCode: ServiceCode) {
    this.#route = route;
    this.#serviceCode = serviceCode;
    this.params = params;
    this.data = data;
    this.protocol = protocol;
    this.requestId = requestId;
    this.#openedBy = trace;
  }

  get isOpen(): boolean {
    return this.#ws !== undefined;
  }
  get bufferedBytes(): number {
    return this.#ws?.getBufferedAmount() ?? 0;
  }

  send(data: string | Uint8Array, isBinary = typeof data !== 'string'): SendResult {
    checkMessage(data, isBinary);
    if (this.#ws === undefined) return 'dropped';
    return SENT_AS[this.#ws.send(data, isBinary, isWorthDeflating(data))] ?? 'dropped';
  }

  subscribe(topic: string): void {
    checkTopic(topic);
    this.#call((ws) => ws.subscribe(this.#route.topic(topic)));
  }
  unsubscribe(topic: string): void {
    checkTopic(topic);
    this.#call((ws) => ws.unsubscribe(this.#route.topic(topic)));
  }
  isSubscribed(topic: string): boolean {
    checkTopic(topic);
    return this.#ws?.isSubscribed(this.#route.topic(topic)) ?? false;
  }

  publish(name: string, data: string | Uint8Array, isBinary = typeof data !== 'string'): void {
    checkTopic(name);
    checkMessage(data, isBinary);
    const { topics } = this.#route;
    const topic = this.#route.topic(name);
    // A message that a service publishes in `close` goes to all subscribers: this socket gets none any more.
    if (this.#ws === undefined) topics.publish(topic, data, isBinary);
    else {
      this.#ws.publish(topic, data, isBinary, isWorthDeflating(data));
      topics.forward(topic, data, isBinary);
    }
  }

  ping(data: string | Uint8Array = ''): void {
    if (Buffer.byteLength(data) > 125) throw new RangeError('a ping has at most 125 bytes');
    this.#ws?.ping(data);
  }

  close(code = 1000, reason = ''): void {
    checkClose(code, reason);
    if (this.#ws === undefined) return;
    this.#closedWith = code;
    this.#call((ws) => ws.end(code, reason));
  }

  terminate(): void {
    this.#call((ws) => ws.close());
  }

  /** Makes a call in which the core calls back before it returns. */
  #call(call: (ws: CoreWebSocket) => void): void {
    const ws = this.#ws;
    if (ws !== undefined) this.#serviceCode.holdDuring(() => call(ws));
  }

  // --- called by the core

  attach(ws: CoreWebSocket): void {
    this.#ws = ws;
  }

  /** Call after the handshake, with no other callback of a service on the stack. */
  opened(): void {
    this.#route.run('open', this, (open) => open(this));
  }

  /** Counts a message in a turn that has become long. @returns true when there are too many */
  floods(turn: number): boolean {
    if (this.#turn !== turn) this.#messages = 0;
    this.#turn = turn;
    return ++this.#messages > MOST_IN_LONG_TURN;
  }

  received(data: ArrayBuffer, isBinary: boolean): void {
    if (this.#ws === undefined) return;
    if (data.byteLength > this.#route.limits.maxPayload) {
      this.close(TOO_BIG, 'message too big');
      return;
    }
    // The message is a copy, because the memory belongs to the core.
    const message = isBinary ? Buffer.from(new Uint8Array(data)) : textOf(data);
    this.#route.received(this, message, isBinary, this.#openedBy);
  }

  drained(): void {
    this.#route.run('drain', this, (drain) => drain(this));
  }

  closed(code: number, reason: string): void {
    this.#ws = undefined;
    const meaning = this.#closedWith ?? (code === 1006 ? (CODES.get(reason) ?? code) : code);
    this.#serviceCode.run(() => {
      this.#route.run('close', this, (close) => close(this, meaning, reason));
    });
  }
}
