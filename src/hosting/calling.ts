// How this thread's services call others: the shared brain (load, breakers, retry budget, registry snapshot) and
// the two ways to reach an endpoint.
import type { Block } from '../memory/block.js';
import { BreakerCells } from '../memory/breaker-cell.js';
import { RetryBudgetCell } from '../memory/budget-cell.js';
import { CallClaims } from '../memory/call-claims.js';
import type { Clock } from '../memory/clock.js';
import { EndpointCells } from '../memory/endpoint-cells.js';
import { SnapshotPage } from '../memory/snapshot-page.js';
import { DEFAULT_TRIP_RULE } from '../resilience/trip-rules.js';
import { injectTrace } from '../telemetry/propagation.js';
import { Balancer } from '../upstream/balancer.js';
import type { PlacesOf } from '../upstream/bounded.js';
import type { Call } from '../upstream/call.js';
import { createCall } from '../upstream/client.js';
import { HttpTransport } from '../upstream/http.js';
import { InProcessTransport } from '../upstream/in-process.js';
import type { CallObserver } from '../upstream/observer.js';
import { type Mail, SingleFlight } from '../upstream/single-flight.js';
import { p2cPicker } from '../upstream/strategies/p2c.js';
import type { Dispatch } from '../upstream/transport.js';
import { View } from '../upstream/view.js';

export interface CallingOptions {
  readonly block: Block;
  readonly slot: number;
  readonly clock: Clock;
  readonly observer: CallObserver;
  readonly placesOf: PlacesOf;
  readonly dispatch: Dispatch;
  readonly meshToken: string | undefined;
  readonly timeoutMs: number;
  /** To the other workers of the process. */
  readonly mail: Mail;
}

export interface Calling {
  readonly call: Call;
  /** Whether a registered instance has this address. */
  isInstance(address: string): boolean;
  close(): Promise<void>;
}

export function createCalling(options: CallingOptions): Calling {
  const { block, slot, clock, observer, placesOf, dispatch, meshToken, timeoutMs, mail } = options;
  const load = new EndpointCells(block, slot, clock);
  const http = new HttpTransport();
  const view = new View(new SnapshotPage(block), (endpoint) => http.leave(endpoint));
  const call = createCall({
    balancer: new Balancer({
      endpoints: (service) => view.endpoints(service),
      picker: p2cPicker(load, Math.random),
    }),
    breaker: new BreakerCells(block, slot, DEFAULT_TRIP_RULE, clock),
    load,
    budget: new RetryBudgetCell(block, clock),
    placesOf,
    flights: new SingleFlight(new CallClaims(block, slot), mail),
    transports: { http, inProcess: new InProcessTransport(dispatch) },
    clock,
    random: Math.random,
    propagate: injectTrace,
    observer,
    meshToken,
    timeoutMs,
  });
  return {
    call,
    isInstance: (address) => view.hasAddress(address),
    close: () => http.close(),
  };
}
