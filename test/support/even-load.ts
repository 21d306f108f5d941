// Requests at an even pace over several connections, which the acceptor spreads over all workers.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface EvenLoad {
  readonly url: string;
  readonly perSecond: number;
  readonly forMs: number;
  readonly connections: number;
}

export interface Answered {
  /** `performance.now()` when it came. */
  readonly at: number;
  readonly status: number;
}

const STATUS = /HTTP\/1\.1 (\d{3}) /g;

export async function evenLoad({
  url,
  perSecond,
  forMs,
  connections,
}: EvenLoad): Promise<readonly Answered[]> {
  const { hostname, port, host } = new URL(url);
  const answers: Answered[] = [];
  const sockets = await Promise.all(
    Array.from({ length: connections }, async (): Promise<Socket> => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      let rest = '';
      socket.on('data', (chunk: Buffer) => {
        const at = performance.now();
        const text = rest + chunk.toString('latin1');
        for (const [, status] of text.matchAll(STATUS)) answers.push({ at, status: Number(status) });
        // The beginning of a status line may end the chunk, a whole one must not be counted twice.
        rest = text.slice(text.lastIndexOf('\n') + 1);
      });
      await once(socket, 'connect');
      return socket;
    }),
  );
  const request = `GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`;
  const started = performance.now();
  let sent = 0;
  for (let now = started; now - started < forMs; now = performance.now()) {
    const due = Math.floor(((now - started) / 1000) * perSecond);
    for (; sent < due; sent++) sockets[sent % connections]!.write(request);
    await new Promise((resolve) => setTimeout(resolve, 0.5));
  }
  while (answers.length < sent) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const socket of sockets) socket.destroy();
  return answers;
}
