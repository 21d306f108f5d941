// How this worker's services call others: the shared brain (load, breakers, retry budget, registry snapshot) and
// the two ways to reach an endpoint.
import { WorkerMail } from '#src/cluster/worker-mail.js';
import type { Block } from '#src/memory/block.js';
import { BreakerCells } from '#src/memory/breaker-cell.js';
import { RetryBudgetCell } from '#src/memory/budget-cell.js';
import { CallClaims } from '#src/memory/call-claims.js';
import type { Clock } from '#src/memory/clock.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import { SnapshotPage } from '#src/memory/snapshot-page.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import { injectTrace } from '#src/telemetry/propagation.js';
import { Balancer } from '#src/upstream/balancer.js';
import type { PlacesOf } from '#src/upstream/bounded.js';
import type { Call } from '#src/upstream/call.js';
import { createCall } from '#src/upstream/client.js';
import { HttpTransport } from '#src/upstream/http.js';
import { InProcessTransport } from '#src/upstream/in-process.js';
import type { CallObserver } from '#src/upstream/observer.js';
import { type FlightMessage, SingleFlight } from '#src/upstream/single-flight.js';
import { p2cPicker } from '#src/upstream/strategies/p2c.js';
import type { Dispatch } from '#src/upstream/transport.js';
import { View } from '#src/upstream/view.js';

export interface CallingOptions {
  readonly block: Block;
  readonly slot: number;
  readonly clock: Clock;
  readonly observer: CallObserver;
  readonly placesOf: PlacesOf;
  readonly dispatch: Dispatch;
  readonly meshToken: string | undefined;
  readonly timeoutMs: number;
  /** Told when a message of another worker cannot be read. */
  readonly messageFailed: (error: unknown) => void;
}

export interface Calling {
  readonly call: Call;
  /** Whether a registered instance has this address. */
  isInstance(address: string): boolean;
  close(): Promise<void>;
}

export function createCalling(options: CallingOptions): Calling {
  const { block, slot, clock, observer, placesOf, dispatch, meshToken, timeoutMs, messageFailed } = options;
  const load = new EndpointCells(block, slot, clock);
  const http = new HttpTransport();
  const view = new View(new SnapshotPage(block), (endpoint) => http.leave(endpoint));
  const mail = new WorkerMail<FlightMessage>('calls', slot, block.workers, messageFailed);
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
    async close() {
      mail.close();
      await http.close();
    },
  };
}
