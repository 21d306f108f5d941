// HAProxy with one thread and the same work as the gateway: the prefix is removed, `X-Forwarded-*` and a request
// id are added, connections are kept on both sides.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { ServerCommand } from '../process/server.js';

/** The debian package `haproxy`. */
const PROGRAM = '/usr/sbin/haproxy';

const configuration = (port: number, upstream: string): string => `global
  nbthread 1
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
  http-request replace-path /svc/bench(.*) \\1
  default_backend bench
backend bench
  http-reuse always
  server one ${upstream}
`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** @param upstream its address, as HOST:PORT */
export async function haproxy(name: string, folder: string, upstream: string): Promise<ServerCommand> {
  const port = await freePort();
  const file = join(folder, `${name.replaceAll(/\W+/g, '-')}.cfg`);
  writeFileSync(file, configuration(port, upstream));
  // It prints nothing when it listens; the shell waits until it is connected to.
  const wait = `until (exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null; do sleep 0.05; done`;
  const script = `(${wait}; echo "haproxy ready http://127.0.0.1:${port}" >&2) & exec ${PROGRAM} -q -f ${file}`;
  return { name, command: 'bash', args: ['-c', script] };
}
