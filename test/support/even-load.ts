// Requests at an even pace, independent of the responses (open loop), one at a time on each of many
// connections, which the acceptor spreads over all workers. A connection that the server closes is replaced
// by another one.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface EvenLoad {
  readonly url: string;
  readonly path?: string;
  readonly perSecond: number;
  readonly forMs: number;
  /** Must be more than the requests in flight: a request that finds no free connection is not sent. */
  readonly connections: number;
}

export interface Answered {
  /** `performance.now()` when the response came. */
  readonly at: number;
  readonly status: number;
  readonly latencyMs: number;
  readonly retryAfter: string | undefined;
  /** Whether the server closes the connection after the response. */
  readonly closes: boolean;
}

const HEAD_END = '\r\n\r\n';
const STATUS = /^HTTP\/1\.1 (\d{3}) /;
const LENGTH = /\r\ncontent-length: (\d+)/i;
const RETRY_AFTER = /\r\nretry-after: (\d+)/i;
const CLOSES = /\r\nconnection: close\r\n/i;

class Connection {
  readonly socket: Socket;
  sentAt = 0;
  #received = '';

  constructor(socket: Socket, answered: (response: Answered) => void) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      const head = this.#received.indexOf(HEAD_END);
      if (head === -1) return;
      const [, length = '0'] = LENGTH.exec(this.#received) ?? [];
      if (this.#received.length < head + HEAD_END.length + Number(length)) return;
      const at = performance.now();
      const [, status] = STATUS.exec(this.#received) ?? [];
      const [, retryAfter] = RETRY_AFTER.exec(this.#received) ?? [];
      const closes = CLOSES.test(this.#received);
      this.#received = '';
      answered({ at, status: Number(status), latencyMs: at - this.sentAt, retryAfter, closes });
    });
  }
}

/** @returns the responses, and how many requests found no free connection */
export async function evenLoad(load: EvenLoad): Promise<{ responses: readonly Answered[]; unsent: number }> {
  const { url, path = '/', perSecond, forMs, connections } = load;
  const { hostname, port, host } = new URL(url);
  const responses: Answered[] = [];
  const free: Connection[] = [];
  const all = new Set<Socket>();
  const open = async (): Promise<void> => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    all.add(socket);
    await once(socket, 'connect');
    const connection: Connection = new Connection(socket, (response) => {
      responses.push(response);
      if (!response.closes) free.push(connection);
      else {
        all.delete(socket);
        socket.end();
        void open();
      }
    });
    free.push(connection);
  };
  await Promise.all(Array.from({ length: connections }, open));
  const request = `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`;
  const started = performance.now();
  let [due, sent, unsent] = [0, 0, 0];
  for (let now = started; now - started < forMs; now = performance.now()) {
    for (const until = ((now - started) / 1000) * perSecond; due < until; due++) {
      // The connection that has been free longest comes first, so that all are used.
      const connection = free.shift();
      if (connection === undefined) {
        unsent++;
        continue;
      }
      connection.sentAt = performance.now();
      connection.socket.write(request);
      sent++;
    }
    await new Promise((resolve) => setTimeout(resolve, 0.5));
  }
  while (responses.length < sent) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const socket of all) socket.destroy();
  return { responses, unsent };
}
