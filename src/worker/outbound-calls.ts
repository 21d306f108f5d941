// How the services of this worker call others: over the state that all workers share (load, breakers, retry
// budget, snapshot of the registry), by HTTP or in-process.

import type { Logger } from 'pino';
import type { Call } from '../api/service-definition.js';
import type { Settings } from '../config.js';
import { KnownProtos, type ProtoFiles } from '../grpc/known-protos.js';
import { BreakerCells } from '../memory/breaker/breaker-cell.js';
import { RetryBudgetCell } from '../memory/budget-cell.js';
import { CallClaims } from '../memory/call-claims.js';
import { EjectionCells } from '../memory/ejection-cells.js';
import { EndpointCells } from '../memory/endpoint-cells.js';
import { SnapshotLog } from '../memory/snapshot-log.js';
import { meshTokens } from '../mesh-token.js';
import type { Endpoint } from '../registry/endpoint.js';
import { ejectionRule } from '../resilience/ejection.js';
import { threadWatch } from '../resilience/loop-watch.js';
import { tripRule } from '../resilience/trip-rules.js';
import { injectTrace } from '../telemetry/propagation.js';
import { Balancer } from '../upstream/balancer.js';
import { type CallDependencies, createCall } from '../upstream/client.js';
import { endpointStatuses } from '../upstream/endpoint-status.js';
import { GrpcTransport } from '../upstream/grpc-transport.js';
import type { HeldBytes } from '../upstream/held-bytes.js';
import { HttpTransport } from '../upstream/http-transport.js';
import { InProcessTransport } from '../upstream/in-process-transport.js';
import type { CallPermitsOf } from '../upstream/max-concurrent.js';
import { forgettingBreakers, NOT_WATCHED, Outliers } from '../upstream/outliers.js';
import { pickersOf } from '../upstream/pickers.js';
import { RegistryView } from '../upstream/registry-view.js';
import { type Mail, SingleFlight } from '../upstream/single-flight.js';
import type { StreamCallDependencies } from '../upstream/stream-call.js';
import { logTransitions } from '../upstream/transition-log.js';
import type { Dispatch, StreamDispatch } from '../upstream/transport.js';
import { GATEWAY_CALLER } from './call-edges.js';
import type { CallObservers } from './observe-calls.js';
import type { WorkerMemory } from './worker-memory.js';

/** The number of streamed calls of this worker to one endpoint; further ones wait for the end of another. */
const STREAMS_PER_ENDPOINT = 1024;
const STREAMS = { connections: STREAMS_PER_ENDPOINT, maxResponseBytes: Number.POSITIVE_INFINITY };

export interface OutboundCallOptions extends Pick<WorkerMemory, 'block' | 'slot' | 'clock'> {
  readonly observers: CallObservers;
  /** Permits of calls with the option `maxConcurrent`. */
  readonly callPermitsOf: CallPermitsOf;
  /** Counts the bytes of responses that arrive. */
  readonly memory: HeldBytes;
  /** Serves a call to a service of this worker. */
  readonly dispatch: Dispatch;
  /** The same for a call whose response is streamed. */
  readonly dispatchStream: StreamDispatch;
  readonly settings: Pick<
    Settings,
    | 'meshToken'
    | 'requestTimeoutMs'
    | 'streamIdleMs'
    | 'breakerOpenMs'
    | 'slowCallMs'
    | 'ejectionMs'
    | 'upstreams'
    | 'zone'
  >;
  /** The .proto files of the services that can be called by gRPC, by service. */
  readonly protos: ReadonlyMap<string, ProtoFiles>;
  readonly log: Logger;
  /** Channel to the other workers, for calls with the option `singleFlight`, which workers share. */
  readonly mail: Mail;
}

export interface OutboundCalls {
  /** The calls of a service, which are counted under its name. */
  callFrom(service: string): Call;
  /** For calls whose bodies are streamed. */
  readonly streamed: StreamCallDependencies;
  /** The number of connections to one endpoint that streamed calls may have. */
  readonly streamsPerEndpoint: number;
  /** The number of calls that wait for a connection. */
  readonly waiting: number;
  /** Whether an instance is registered. */
  isRegistered(service: string, id: string): boolean;
  /** Whether a registered instance has this address. */
  isInstance(address: string): boolean;
  /** Picks other instances for calls that wait for one which may not be called any more. */
  beat(): void;
  close(): Promise<void>;
}

export function createOutboundCalls(options: OutboundCallOptions): OutboundCalls {
  const { block, slot, clock, observers, callPermitsOf, settings, log, mail } = options;
  const { http, grpc, streams, inProcess, connected } = createTransports(options);
  const { meshToken, requestTimeoutMs: timeoutMs, breakerOpenMs: openMs, slowCallMs, ejectionMs } = settings;
  const load = new EndpointCells(block, slot, clock);
  const pickers = pickersOf(load, Math.random);
  const view = new RegistryView(new SnapshotLog(block), (left) => {
    for (const transport of connected) transport.leave(left);
  });
  const events = logTransitions(log, (row) => view.at(row));
  const breaker = new BreakerCells(block, slot, tripRule({ openMs, slowCallMs }), clock, events.breaker);
  const ejection = ejectionRule(ejectionMs);
  const cells = new EjectionCells(block, ejection, clock, forgettingBreakers(breaker, events));
  const endpoints = (service: string, protocol?: Endpoint['protocol']) => view.endpoints(service, protocol);
  const { upstreams, zone } = settings;
  const statuses = endpointStatuses(cells, ejection);
  const balancer = new Balancer({
    ...{ endpoints, statuses, upstreams, zone, pickers, clock },
    picker: pickers.auto,
    random: Math.random,
  });
  const isOffered = (endpoint: Endpoint): boolean => balancer.offers(endpoint);
  const dependencies = {
    balancer,
    breaker,
    outliers: ejectionMs === 0 ? NOT_WATCHED : new Outliers({ cells, records: load, endpoints }),
    slowCallMs,
    load,
    budget: new RetryBudgetCell(block, clock),
    callPermitsOf,
    singleFlight: new SingleFlight(new CallClaims(block, slot), mail),
    transports: { http, grpc, inProcess },
    streams,
    inProcessStreams: inProcess,
    streamIdleMs: settings.streamIdleMs,
    methods: new KnownProtos(options.protos),
    clock,
    watch: threadWatch,
    random: Math.random,
    propagate: injectTrace,
    observer: observers.from(GATEWAY_CALLER),
    meshToken: meshToken === undefined ? undefined : meshTokens(meshToken),
    timeoutMs,
  } satisfies CallDependencies;
  return {
    callFrom: (service) => createCall({ ...dependencies, observer: observers.from(service) }) as Call,
    streamed: dependencies,
    streamsPerEndpoint: STREAMS_PER_ENDPOINT,
    get waiting() {
      return http.waiting + streams.waiting;
    },
    isRegistered: (service, id) => view.has(service, id),
    isInstance: (address) => view.hasAddress(address),
    beat() {
      for (const transport of connected) transport.reconsider(isOffered);
    },
    close: async () => void (await Promise.all(connected.map((transport) => transport.close()))),
  };
}

function createTransports({ settings, memory, dispatch, dispatchStream }: OutboundCallOptions) {
  const connectionsOf = (service: string) => settings.upstreams[service]?.connections;
  const http = new HttpTransport({ connectionsOf, memory });
  const grpc = new GrpcTransport();
  const streams = new HttpTransport(STREAMS);
  const inProcess = new InProcessTransport(dispatch, dispatchStream);
  /** Those that have connections. */
  const connected = [http, grpc, streams] as const;
  return { http, grpc, streams, inProcess, connected };
}
