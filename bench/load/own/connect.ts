// Opens many connections to one server, some at a time.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const AT_A_TIME = 100;
/** Clients have several addresses, because servers may limit the connections of one. */
const ADDRESSES = 64;

/** Sends `hello` on `count` connections. @throws Error when one cannot be opened */
export async function openConnections(
  url: URL,
  count: number,
  hello: (index: number) => string,
  opened: (socket: Socket, index: number) => void,
): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const first = sockets.length;
    const some = Array.from({ length: Math.min(AT_A_TIME, count - first) }, (_, offset) => {
      const localAddress = `127.0.1.${1 + ((first + offset) % ADDRESSES)}`;
      return connect({ host: url.hostname, port: Number(url.port), localAddress, noDelay: true });
    });
    await Promise.all(some.map((socket) => once(socket, 'connect')));
    for (const [offset, socket] of some.entries()) {
      opened(socket, first + offset);
      socket.write(hello(first + offset));
    }
    sockets.push(...some);
  }
  return sockets;
}

/** The request line and the fields that every request of these clients has. */
export const requestTo = (url: URL, fields = ''): string =>
  `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n${fields}\r\n`;
