// An ordinary client in a thread of its own: a number of requests a second, half of them with a body, and one
// stream of events. It reports the result of every request and its duration, from the moment at which it was
// due.
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';

export interface BystanderOrder {
  readonly host: string;
  readonly port: number;
  readonly perSecond: number;
  readonly seconds: number;
}

export interface Experience {
  /** Latencies of the requests that got 200, milliseconds. */
  readonly latencies: readonly number[];
  /** Numbers of the other requests, by status or error code. */
  readonly failures: Readonly<Record<string, number>>;
  readonly sent: number;
  /** Longest time between two events, in milliseconds. */
  readonly longestSilenceMs: number;
  readonly events: number;
}

const { host, port, perSecond, seconds } = workerData as BystanderOrder;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const latencies: number[] = [];
const failures: Record<string, number> = {};
const failed = (what: string): void => {
  failures[what] = (failures[what] ?? 0) + 1;
};

const KINDS = [
  { method: 'GET', path: '/small', body: undefined },
  { method: 'POST', path: '/items', body: JSON.stringify({ name: 'tea', price: 4 }) },
  { method: 'GET', path: '/via', body: undefined },
  { method: 'POST', path: '/raw', body: 'x'.repeat(2000) },
] as const;

function send(n: number, due: number): Promise<void> {
  const { method, path, body } = KINDS[n % KINDS.length]!;
  return new Promise((resolve) => {
    const sent = request(
      {
        host,
        port,
        method,
        path,
        agent,
        localAddress: '127.0.0.1',
        headers:
          body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length },
      },
      (response: IncomingMessage) => {
        response.resume();
        response.once('end', () => {
          if (response.statusCode === 200) latencies.push(performance.now() - due);
          else failed(`${method} ${path} ${response.statusCode}`);
          resolve();
        });
      },
    );
    sent.once('error', (error: NodeJS.ErrnoException) => {
      failed(`${method} ${path} ${error.code}`);
      resolve();
    });
    sent.end(body);
  });
}

let [events, longestSilenceMs, heardAt] = [0, 0, performance.now()];
const stream = request({ host, port, path: '/events', localAddress: '127.0.0.1', agent: false });
stream.on('error', () => failed('events cut'));
stream.on('response', (response: IncomingMessage) => {
  if (response.statusCode !== 200) failed(`events ${response.statusCode}`);
  response.on('data', (text: Buffer) => {
    if (!String(text).includes('data:')) return;
    const now = performance.now();
    longestSilenceMs = Math.max(longestSilenceMs, now - heardAt);
    heardAt = now;
    events++;
  });
});
stream.end();

const started = performance.now();
const pending: Promise<void>[] = [];
for (let n = 0; n < perSecond * seconds; ) {
  const due = Math.min(((performance.now() - started) / 1000) * perSecond, perSecond * seconds);
  for (; n < due; n++) pending.push(send(n, started + (n / perSecond) * 1000));
  await delay(2);
}
await Promise.all(pending);
stream.destroy();
agent.destroy();
const sent = pending.length;
parentPort!.postMessage({ latencies, failures, sent, longestSilenceMs, events } satisfies Experience);
