// WebSockets of the core: one behaviour per route, and the object that a route's callbacks hold. What the
// core does by itself: it cuts a connection whose frames break RFC 6455 or whose text is no UTF-8 without a
// close frame, and it takes a frame that is not masked for one that is, which garbles it.
import type { App } from '../app.js';
import type { Acceptance } from '../exchange.js';
import type { Segment } from '../routing/pattern.js';
import type { ServiceCode } from '../service-code.js';
import type { TurnWatch } from '../turn-watch.js';
import {
  checkClose,
  checkMessage,
  checkTopic,
  type SendResult,
  type ServerWebSocket,
  type SocketRoute,
} from '../websocket/websocket.js';
import type { PendingInterrupt } from './pending-interrupt.js';
import type {
  CoreApp,
  CoreBehavior,
  CoreContext,
  CoreRequest,
  CoreResponse,
  CoreWebSocket,
} from './uws-core.js';

/** From here on a message is worth compressing. */
const DEFLATE_FROM_BYTES = 1024;
const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;
const TOO_BIG = 1009;
/** Messages that a socket may send within a turn of the loop that has become long. */
const MOST_IN_LONG_TURN = 1024;
const FLOOD = 'too many messages at once';
/**
 * A message up to this many times too big is taken in to be refused with 1009. The core cuts a larger one
 * without a word, and without taking it in. It reports a message when it is whole: one in fragments that
 * never ends is held by the core up to this size, and cut beyond, without a callback before.
 */
const POLITENESS = 2;
/** What the core means when it closes with 1006. */
const FAULTS: ReadonlyMap<string, number> = new Map([
  ['Received too big message', TOO_BIG],
  ['Received too big message, or other inflation error', TOO_BIG],
  ['Received invalid UTF-8', 1007],
  ['Received invalid WebSocket frame', 1002],
  // It was a goodbye. The core takes 1012..2999 for invalid, and 3000..3999, which is not: the code is lost.
  ['Received invalid close payload', 1005],
]);
const SENT_AS = ['buffered', 'sent', 'dropped'] as const satisfies readonly SendResult[];

/** The core copies what it is given as data to its socket. */
type SeatedSocket = CoreWebSocket & { readonly seat: UwsWebSocket };

/** Turns a request into a socket of the behaviour that brought it. Afterwards `res` is dead. */
export type Upgrade = (res: CoreResponse, acceptance: Acceptance) => UwsWebSocket;

export interface WebSockets {
  /** Says goodbye to all: 1001. @returns how many they are */
  leave(): number;
  /** The core is about to close: nothing reaches it any more. */
  end(): void;
}

/** What WebSockets need of the server around them. */
export interface Surroundings {
  /** Serves the request that asks for a socket. */
  readonly serve: (res: CoreResponse, req: CoreRequest, upgrade: Upgrade) => void;
  /** A connection that was upgraded is gone. */
  readonly closed: () => void;
  readonly turns: TurnWatch;
  readonly end: PendingInterrupt;
}

export function serveWebSockets(core: CoreApp, app: App, around: Surroundings): WebSockets {
  const { serve, closed, turns, end } = around;
  const { serviceCode } = app;
  const open = new Set<UwsWebSocket>();
  app.topics.deliverBy((topic, data, isBinary) => void core.publish(topic, data, isBinary, isWorthIt(data)));
  app.webSockets().forEach((route, number) => {
    const { limits } = route;
    const behavior: CoreBehavior<SeatedSocket> = {
      maxPayloadLength: limits.maxPayload * POLITENESS,
      idleTimeout: Math.ceil(limits.idleTimeoutMs / 1000),
      sendPingsAutomatically: true,
      maxBackpressure: limits.maxBackpressure,
      closeOnBackpressureLimit: limits.onBackpressureLimit === 'close',
      compression: limits.perMessageDeflate ? 1 : 0,
      upgrade(res, req, context) {
        // The core's patterns know no expressions and no precedence of ours: the router decides.
        if (app.webSocketAt(req.getUrl()) !== route) req.setYield(true);
        else serve(res, req, upgradeIn(context, serviceCode));
      },
      open: (ws) => {
        ws.seat.take(ws);
        open.add(ws.seat);
      },
      message(ws, data, isBinary) {
        if (turns.isLong() && ws.seat.floods(turns.turn)) ws.seat.close(POLICY_VIOLATION, FLOOD);
        else ws.seat.received(data, isBinary);
        end.wait();
      },
      drain(ws) {
        ws.seat.drained();
        end.wait();
      },
      close(ws, code, reason) {
        open.delete(ws.seat);
        closed();
        ws.seat.left(code, textOf(reason));
        end.wait();
      },
      subscription: (_ws, topic, now, before) => route.topics.counted(textOf(topic), now, before),
    };
    core.ws(patternOf(route, number), behavior);
  });
  return {
    leave() {
      const leaving = [...open];
      // All of them are told before the first callback of a service runs, and the drain goes on if that never
      // returns.
      serviceCode.holdOverTurn(() => {
        for (const socket of leaving) socket.close(GOING_AWAY);
      });
      return leaving.length;
    },
    end: () => app.topics.deliverBy(() => {}),
  };
}

const upgradeIn =
  (context: CoreContext, serviceCode: ServiceCode): Upgrade =>
  (res, acceptance) => {
    const { route, headers, key, protocol = '', extensions } = acceptance;
    const seat = new UwsWebSocket(acceptance, serviceCode);
    res.writeStatus('101 Switching Protocols');
    for (let i = 0; i < headers.length; i += 2) res.writeHeader(headers[i]!, headers[i + 1]!);
    const offered = route.limits.perMessageDeflate ? extensions : '';
    serviceCode.holdDuring(() => res.upgrade({ seat }, key, protocol, offered, context));
    return seat;
  };

/** Everything that our pattern matches, and no other route's: the core knows one behaviour per pattern. */
function patternOf({ pattern }: SocketRoute, number: number): string {
  const text = (segment: Segment, i: number): string =>
    segment.kind === 'static' ? segment.text : segment.kind === 'wildcard' ? '*' : `:r${number}s${i}`;
  return `/${pattern.segments.map(text).join('/')}`;
}

const isWorthIt = (data: string | Uint8Array): boolean => data.length >= DEFLATE_FROM_BYTES;
const textOf = (bytes: ArrayBuffer): string => Buffer.from(bytes).toString();

/** A socket that a route's callbacks hold; `#ws` is nobody else's. */
export class UwsWebSocket implements ServerWebSocket {
  readonly params: ServerWebSocket['params'];
  readonly data: unknown;
  readonly protocol: string | undefined;
  readonly requestId: string;
  readonly #route: SocketRoute;
  readonly #serviceCode: ServiceCode;
  /** Undefined once it is closed. */
  #ws: CoreWebSocket | undefined;
  /** The code that we closed it with. */
  #closedWith: number | undefined;
  /** A long turn of the loop, and the messages that have come in it. */
  #turn = 0;
  #messages = 0;

  constructor({ route, params, data, protocol, requestId }: Acceptance, serviceCode: ServiceCode) {
    this.#route = route;
    this.#serviceCode = serviceCode;
    this.params = params;
    this.data = data;
    this.protocol = protocol;
    this.requestId = requestId;
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
    return SENT_AS[this.#ws.send(data, isBinary, isWorthIt(data))] ?? 'dropped';
  }

  subscribe(topic: string): void {
    checkTopic(topic);
    this.#calling((ws) => ws.subscribe(this.#route.topic(topic)));
  }
  unsubscribe(topic: string): void {
    checkTopic(topic);
    this.#calling((ws) => ws.unsubscribe(this.#route.topic(topic)));
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
    // A socket that is closed gets nothing back: what it says in its `close` goes to all.
    if (this.#ws === undefined) topics.publish(topic, data, isBinary);
    else {
      this.#ws.publish(topic, data, isBinary, isWorthIt(data));
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
    this.#calling((ws) => ws.end(code, reason));
  }

  terminate(): void {
    this.#calling((ws) => ws.close());
  }

  /** For what the core calls back in before it returns. */
  #calling(call: (ws: CoreWebSocket) => void): void {
    const ws = this.#ws;
    if (ws !== undefined) this.#serviceCode.holdDuring(() => call(ws));
  }

  // --- told by the core

  take(ws: CoreWebSocket): void {
    this.#ws = ws;
  }

  /** The handshake is over, and nobody's callback is on the stack. */
  opened(): void {
    this.#route.run('open', this, (open) => open(this));
  }

  /** Counts a message in a turn that has become long. @returns there are too many */
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
    // A copy: the core takes its memory back.
    const message = isBinary ? Buffer.from(new Uint8Array(data)) : textOf(data);
    this.#route.run('message', this, (callback) => callback(this, message, isBinary));
  }

  drained(): void {
    this.#route.run('drain', this, (drain) => drain(this));
  }

  left(code: number, reason: string): void {
    this.#ws = undefined;
    const meant = this.#closedWith ?? (code === 1006 ? (FAULTS.get(reason) ?? code) : code);
    this.#serviceCode.run(() => {
      this.#route.run('close', this, (close) => close(this, meant, reason));
    });
  }
}
