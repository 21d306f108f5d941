// WebSockets of one server: a behaviour of the core for each route, and the upgrade of a request to a socket.
//
// The core cuts a connection whose frames break RFC 6455, or whose text is not UTF-8, without a close frame.
// It takes a frame that is not masked for a masked one, which garbles it.
import type { App } from '../app.js';
import type { Acceptance } from '../exchange.js';
import type { Segment } from '../routing/pattern.js';
import type { ServiceCode } from '../service-code.js';
import type { TurnWatch } from '../turn-watch.js';
import type { SocketRoute } from '../websocket/websocket.js';
import type { PendingInterrupt } from './pending-interrupt.js';
import type {
  CoreApp,
  CoreBehavior,
  CoreContext,
  CoreRequest,
  CoreResponse,
  CoreWebSocket,
} from './uws-core.js';
import { isWorthDeflating, textOf, UwsWebSocket } from './uws-websocket.js';

const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;
const FLOOD = 'too many messages at once';
/**
 * The core receives a message up to this many times too large, so that it can be refused with 1009, and cuts
 * the connection of a larger one without a close frame. It reports a message when it is complete: a message
 * in fragments that never ends is held by the core up to this size, and cut beyond, without a callback
 * before.
 */
const LARGEST_REFUSED = 2;

/** The core copies the members of its data to the socket. */
type OwnedSocket = CoreWebSocket & { readonly owner: UwsWebSocket };

/** Turns a request into a socket of the behaviour that reported it. Afterwards `res` is dead. */
export type Upgrade = (res: CoreResponse, acceptance: Acceptance) => UwsWebSocket;

export interface WebSockets {
  /** Closes all with 1001. @returns how many they are */
  leave(): number;
  /** The core is about to close: nothing is published to it any more. */
  end(): void;
}

/** What WebSockets need of their server. */
export interface WebSocketHost {
  /** Serves the request that asks for a socket. */
  readonly serve: (res: CoreResponse, req: CoreRequest, upgrade: Upgrade) => void;
  /** A connection that was upgraded has closed. */
  readonly closed: () => void;
  readonly turns: TurnWatch;
  readonly interrupt: PendingInterrupt;
}

export function serveWebSockets(core: CoreApp, app: App, host: WebSocketHost): WebSockets {
  const { serviceCode, topics } = app;
  const open = new Set<UwsWebSocket>();
  topics.deliverBy((topic, data, isBinary) => {
    core.publish(topic, data, isBinary, isWorthDeflating(data));
  });
  app.webSockets().forEach((route, number) => {
    core.ws(patternOf(route, number), behaviorOf(route, app, host, open));
  });
  return {
    leave() {
      const leaving = [...open];
      // All of them are closed before the first callback of a service runs, so a callback that never returns
      // does not stop the drain.
      serviceCode.holdOverTurn(() => {
        for (const socket of leaving) socket.close(GOING_AWAY);
      });
      return leaving.length;
    },
    end: () => topics.deliverBy(() => {}),
  };
}

function behaviorOf(
  route: SocketRoute,
  app: App,
  { serve, closed, turns, interrupt }: WebSocketHost,
  open: Set<UwsWebSocket>,
): CoreBehavior<OwnedSocket> {
  const { limits } = route;
  return {
    maxPayloadLength: limits.maxPayload * LARGEST_REFUSED,
    idleTimeout: Math.ceil(limits.idleTimeoutMs / 1000),
    sendPingsAutomatically: true,
    maxBackpressure: limits.maxBackpressure,
    closeOnBackpressureLimit: limits.onBackpressureLimit === 'close',
    compression: limits.perMessageDeflate ? 1 : 0,
    upgrade(res, req, context) {
      // Patterns of the core have no expressions and another precedence, so the router decides.
      if (app.webSocketAt(req.getUrl()) !== route) req.setYield(true);
      else serve(res, req, upgradeIn(context, app.serviceCode));
    },
    open: (ws) => {
      ws.owner.attach(ws);
      open.add(ws.owner);
    },
    message(ws, data, isBinary) {
      if (turns.isLong() && ws.owner.floods(turns.turn)) ws.owner.close(POLICY_VIOLATION, FLOOD);
      else ws.owner.received(data, isBinary);
      interrupt.wait();
    },
    drain(ws) {
      ws.owner.drained();
      interrupt.wait();
    },
    close(ws, code, reason) {
      open.delete(ws.owner);
      closed();
      ws.owner.closed(code, textOf(reason));
      interrupt.wait();
    },
    subscription: (_ws, topic, now, before) => route.topics.counted(textOf(topic), now, before),
  };
}

const upgradeIn =
  (context: CoreContext, serviceCode: ServiceCode): Upgrade =>
  (res, acceptance) => {
    const { route, headers, key, protocol = '', extensions } = acceptance;
    const owner = new UwsWebSocket(acceptance, serviceCode);
    res.writeStatus('101 Switching Protocols');
    for (let i = 0; i < headers.length; i += 2) res.writeHeader(headers[i]!, headers[i + 1]!);
    const offered = route.limits.perMessageDeflate ? extensions : '';
    serviceCode.holdDuring(() => res.upgrade({ owner }, key, protocol, offered, context));
    return owner;
  };

/**
 * A pattern of the core that matches all paths of the route. It differs from the patterns of all other
 * routes, because the core keeps one behaviour per pattern.
 */
function patternOf({ pattern }: SocketRoute, number: number): string {
  const text = (segment: Segment, i: number): string =>
    segment.kind === 'static' ? segment.text : segment.kind === 'wildcard' ? '*' : `:r${number}s${i}`;
  return `/${pattern.segments.map(text).join('/')}`;
}
