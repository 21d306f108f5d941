// An instance of a service as workers see it. The primary publishes all endpoints in a snapshot, and the
// balancer of every worker picks among them. Endpoints are immutable: a change is a new snapshot.

/**
 * The state of an instance:
 * - `starting`: it is not yet known to be healthy, because its health check has no result yet, or because its
 *   database is being migrated. In a snapshot: it has never been healthy
 * - `healthy`, `unhealthy`: the result of its health check; an instance without a health check is healthy
 * - `draining`: it is about to leave, and workers send it no new calls, unless it is this process itself
 * - `ejected`: it is healthy, but its calls fail. Only the admin plane and metrics show this state. A
 *   snapshot never has it, because workers read ejections from shared memory
 */
export type EndpointState = 'starting' | 'healthy' | 'unhealthy' | 'ejected' | 'draining';

export interface Endpoint {
  readonly service: string;
  /** Instance id, unique within its service. */
  readonly id: string;
  /**
   * A snapshot has the address to connect to. A registration and the admin plane have the registered host,
   * which may be a name.
   */
  readonly host: string;
  readonly port: number;
  readonly protocol: 'http' | 'grpc';
  /** Its share of the calls, relative to the weights of the other endpoints. */
  readonly weight: number;
  /** Workers prefer the endpoints of their own zone; null: it belongs to no zone. */
  readonly zone: string | null;
  /** The release of the service; a call may ask for one. */
  readonly version: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly state: EndpointState;
  /** Row of this endpoint in the tables of shared memory: calls in flight, latency, breaker, ejection. */
  readonly slot: number;
  /** Whether the instance is this process itself, so that calls reach it without a socket. */
  readonly local: boolean;
}

/**
 * @returns `https` when the metadata contain `scheme: "https"`. Then this process connects with TLS, for
 *   either protocol. The certificate of the instance must be valid for the address that this process connects
 *   to, and it must be issued by an authority that Node.js trusts (NODE_EXTRA_CA_CERTS adds some).
 */
export const schemeOf = ({ metadata }: Pick<Endpoint, 'metadata'>): 'http' | 'https' =>
  metadata.scheme === 'https' ? 'https' : 'http';

/** @returns `http://HOST:PORT` or `https://HOST:PORT`, with an IPv6 address in brackets */
export function originOf(endpoint: Pick<Endpoint, 'host' | 'port' | 'metadata'>): string {
  const { host, port } = endpoint;
  return `${schemeOf(endpoint)}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
