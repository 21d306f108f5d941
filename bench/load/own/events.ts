// Clients of an event stream: they subscribe and count the events that come. `node events.js URL CONNECTIONS
// SECONDS`
import { setTimeout as sleep } from 'node:timers/promises';
import { CONNECTIONS, type Counters, fail, report, TARGET } from './client.js';
import { openConnections, requestTo } from './connect.js';

/** Until here every client must have received its first event. */
const PATIENCE_MS = 10_000;

const counters: Counters = { completed: 0, failed: 0, latencies: [] };
const started = new Set<number>();

await openConnections(
  TARGET,
  CONNECTIONS,
  () => requestTo(TARGET, 'Accept: text/event-stream\r\n'),
  (socket, index) => {
    let rest = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      // An event counts by its first line. What may be the beginning of one is kept for the next piece.
      const lines = (rest + text).split('\ndata:');
      rest = lines.at(-1)!.slice(-5);
      if (lines.length === 1) return;
      counters.completed += lines.length - 1;
      started.add(index);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      counters.failed += 1;
    });
  },
);
const deadline = performance.now() + PATIENCE_MS;
while (started.size < CONNECTIONS) {
  if (performance.now() > deadline) fail(`only ${started.size} of ${CONNECTIONS} clients received an event`);
  await sleep(20);
}
await report(counters);
