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

/**
 * `protocol` says what is spoken; over TLS when `metadata.scheme` is `https`. The certificate must be valid
 * for the address that is connected to, by the authorities that Node.js trusts (NODE_EXTRA_CA_CERTS adds
 * some).
 */
export const schemeOf = ({ metadata }: Pick<Endpoint, 'metadata'>): 'http' | 'https' =>
  metadata.scheme === 'https' ? 'https' : 'http';

/** `http://HOST:PORT`, an IPv6 address in brackets. */
export function originOf(endpoint: Pick<Endpoint, 'host' | 'port' | 'metadata'>): string {
  const { host, port } = endpoint;
  return `${schemeOf(endpoint)}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** What the primary publishes and workers read. */
export interface RegistrySnapshot {
  readonly revision: string;
  readonly endpoints: readonly Endpoint[];
}
