// WebSockets of one server: a behaviour of the core for each route, and the upgrade of a request to a socket.
//
// The core cuts a connection whose frames break RFC 6455, or whose text is not UTF-8, without a close frame.
// It unmasks every frame, so a frame that a client has sent without a mask is garbled.
import type { App } from '../app.js';
import type { EnteredStores } from '../entered-stores.js';
import type { Acceptance } from '../exchange.js';
import type { PendingInterrupt } from '../pending-interrupt.js';
import { octetsOf } from '../response/field-octets.js';
import type { Segment } from '../routing/pattern.js';
import type { ServiceCode } from '../service-code.js';
import type { TurnWatch } from '../turn-watch.js';
import type { SocketRoute } from '../websocket/websocket.js';
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
/** The reason in the close frame for a client that sends too many messages in a long turn. */
const FLOOD = 'too many messages at once';
/**
 * The core receives messages up to this many times `maxPayload`, so that a message above `maxPayload` can be
 * refused with 1009. For a still larger message it cuts the connection without a close frame. It reports only
 * complete messages: the fragments of a message that never ends are held by the core up to that limit, and
 * the service is not called before the connection is cut.
 */
const RECEIVED_FACTOR = 2;

/** The core copies the members of the `data` of an upgrade to the socket, here the owner. */
type OwnedSocket = CoreWebSocket & { readonly owner: UwsWebSocket };

/** Turns a request into a WebSocket of the behaviour that reported the request. Afterwards `res` is dead. */
export type Upgrade = (res: CoreResponse, acceptance: Acceptance) => UwsWebSocket;

export interface WebSockets {
  /** Closes all with 1001. @returns how many they are */
  leave(): number;
  /** Stops publishing to the core. Call when the core is about to close. */
  end(): void;
}

/** What WebSockets need of their server. */
export interface WebSocketHost {
  /** Serves the request that asks for a socket. */
  readonly serve: (res: CoreResponse, req: CoreRequest, upgrade: Upgrade) => void;
  /** Called when a connection that was upgraded has closed. */
  readonly closed: () => void;
  readonly stores: EnteredStores;
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
  { serve, closed, stores, turns, interrupt }: WebSocketHost,
  open: Set<UwsWebSocket>,
): CoreBehavior<OwnedSocket> {
  const { limits } = route;
  return {
    maxPayloadLength: limits.maxPayload * RECEIVED_FACTOR,
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
      stores.leave();
      if (turns.isLong() && ws.owner.floods(turns.turn)) ws.owner.close(POLICY_VIOLATION, FLOOD);
      else ws.owner.received(data, isBinary);
      interrupt.wait();
    },
    drain(ws) {
      stores.leave();
      ws.owner.drained();
      interrupt.wait();
    },
    close(ws, code, reason) {
      // Code that closes the socket itself goes on with its stores.
      if (!app.serviceCode.isHeld) stores.leave();
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
    for (let i = 0; i < headers.length; i += 2) res.writeHeader(headers[i]!, octetsOf(headers[i + 1]!));
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
