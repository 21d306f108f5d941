// What a WebSocket needs of the server that it belongs to.
import type { EnteredStores } from '../entered-stores.js';
import type { ServiceCode } from '../service-code.js';
import type { TimerWheel } from '../timer-wheel.js';
import type { TurnWatch } from '../turn-watch.js';
import type { NodeSubscribers, Subscriber } from './node-subscribers.js';

export interface OpenSocket extends Subscriber {
  close(code: number): void;
  terminate(): void;
  /** Call once a second. */
  tick(): void;
}

export interface SocketOwner {
  readonly stores: EnteredStores;
  readonly turns: TurnWatch;
  readonly wheel: TimerWheel;
  readonly serviceCode: ServiceCode;
  readonly subscribers: NodeSubscribers;
  /** Calls in the context of the server, so that what follows does not run in that of a request. */
  inContext(call: () => void): void;
  /** Runs a callback of a service in the context of the server, without stores of other callbacks. */
  run(callback: () => void): void;
  /** Ends the subscriptions of a socket that is closed. */
  forget(socket: OpenSocket): void;
}
