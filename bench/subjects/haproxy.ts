// HAProxy in front of the upstream, with the work of our gateway and nothing else.
import { haproxy } from '../process/haproxy.js';
import type { Surroundings } from './own.js';
import type { Subject } from './subject.js';
import { debianVersions } from './versions.js';

export async function haproxyGateway({ scratch, workers, upstream }: Surroundings): Promise<Subject> {
  const { host } = new URL(upstream);
  return {
    ...(await haproxy('HAProxy', scratch, (port) => sameWork(port, host, workers))),
    why: 'a proxy written in C, as a gateway with the work of ours',
    versions: debianVersions(['haproxy']),
    routes: ['gateway', 'gateway-echo'],
  };
}

/**
 * The work of the gateway: the prefix is removed, `X-Forwarded-*` and a request id are added, connections are kept
 * on both sides.
 */
const sameWork = (port: number, upstream: string, threads: number): string => `global
  nbthread ${threads}
  maxconn 2000
defaults
  mode http
  timeout connect 3s
  timeout client 30s
  timeout server 30s
  unique-id-format %{+X}o%ci%cp%Ts%rt
frontend gateway
  bind 127.0.0.1:${port}
  unique-id-header x-request-id
  option forwardfor
  http-request set-header x-forwarded-proto http
  http-request set-header x-forwarded-host %[req.hdr(host)]
  http-request replace-path /svc/upstream(.*) \\1
  default_backend upstream
backend upstream
  http-reuse always
  server one ${upstream}
`;
