// An instance of a service as everybody sees it. Immutable: a change is a new snapshot.

export type EndpointState = 'starting' | 'healthy' | 'unhealthy' | 'ejected' | 'draining';

export interface Endpoint {
  readonly service: string;
  /** Instance id, unique within its service. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: 'http' | 'grpc';
  readonly weight: number;
  readonly zone: string | null;
  readonly version: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly state: EndpointState;
  /** Row of this endpoint in shared memory (in-flight, latency, breaker). */
  readonly slot: number;
  /** Mounted in this very process: reached without a socket. */
  readonly local: boolean;
}

/** What the primary publishes and workers read. */
export interface RegistrySnapshot {
  readonly revision: string;
  readonly endpoints: readonly Endpoint[];
}
