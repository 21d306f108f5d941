// An instance of a service as workers see it. Endpoints are immutable: a change is a new snapshot.

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
  /** Row of this endpoint in the tables of shared memory: calls in flight, latency, breaker, ejection. */
  readonly slot: number;
  /** Whether it is mounted in this process, and so reached without a socket. */
  readonly local: boolean;
}

/**
 * @returns `https` when the metadata contain `scheme: "https"`: then the `protocol` is spoken over TLS. The
 *   certificate of the instance must be valid for the address that this process connects to, by the
 *   authorities that Node.js trusts (NODE_EXTRA_CA_CERTS adds some).
 */
export const schemeOf = ({ metadata }: Pick<Endpoint, 'metadata'>): 'http' | 'https' =>
  metadata.scheme === 'https' ? 'https' : 'http';

/** @returns `http://HOST:PORT` or `https://HOST:PORT`, with an IPv6 address in brackets */
export function originOf(endpoint: Pick<Endpoint, 'host' | 'port' | 'metadata'>): string {
  const { host, port } = endpoint;
  return `${schemeOf(endpoint)}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The state of the registry that the primary publishes and workers read. */
export interface RegistrySnapshot {
  readonly revision: string;
  readonly endpoints: readonly Endpoint[];
}
