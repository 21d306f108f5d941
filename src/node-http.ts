// What the servers on `node:http` have in common: those of the workers, and the primary's own listener.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { AddressInfo, ListenOptions, Server } from 'node:net';

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Other listeners may use the same port, where Node.js and the system can do that. */
  readonly isShared: boolean;
}

/**
 * Listens on a port that other threads or processes may share (SO_REUSEPORT).
 * @returns the port @throws Error of the system when the address cannot be listened on
 */
export async function listenAt(server: Server, { host, port, isShared }: ListenAddress): Promise<number> {
  // `reusePort` is in Node.js 22.12 and 23.1; the types are those of Node.js 20. Under a master of
  // node:cluster, as pm2 is one, the master would listen in the place of a server that is not exclusive, and
  // would keep the port when that server closes.
  const options: ListenOptions & { readonly reusePort: boolean } = {
    host,
    port,
    reusePort: isShared,
    exclusive: true,
  };
  server.listen(options);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/**
 * Leaves the end of the connection to the caller. Node.js would close it behind a response that announces its
 * end, and the kernel would reset it if bytes of its client are unread. Call it when the head is made.
 */
export function keepOpen(response: ServerResponse): void {
  (response as unknown as { _last: boolean })._last = false;
}
