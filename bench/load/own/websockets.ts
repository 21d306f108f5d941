// Clients of a WebSocket that echoes: each sends a message, waits for the same message, and sends the next.
// `node websockets.js URL CONNECTIONS SECONDS`
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONNECTIONS, type Counters, fail, report, TARGET } from './client.js';
import { openConnections, requestTo } from './connect.js';
import { echoOf, type Frame, maskedText } from './frames.js';

const MESSAGE = maskedText('a message of exactly 32 bytes...');
const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const PATIENCE_MS = 10_000;

const counters: Counters = { completed: 0, failed: 0, latencies: [] };
const open = new Set<number>();

function converse(socket: Socket, index: number): void {
  let sent = 0;
  let buffered: Buffer = Buffer.alloc(0);
  const send = (): void => {
    sent = performance.now();
    socket.write(MESSAGE);
  };
  socket.on('data', (bytes: Buffer) => {
    buffered = buffered.length === 0 ? bytes : Buffer.concat([buffered, bytes]);
    if (!open.has(index)) {
      const end = buffered.indexOf('\r\n\r\n');
      if (end === -1) return;
      const head = buffered.toString('latin1', 0, end);
      if (!/^HTTP\/1\.1 101 /.test(head)) fail(`the handshake failed: ${head.split('\r\n')[0]}`);
      open.add(index);
      buffered = buffered.subarray(end + 4);
      send();
    }
    for (let frame: Frame | undefined = echoOf(buffered); frame !== undefined; frame = echoOf(buffered)) {
      buffered = buffered.subarray(frame.length);
      if (!frame.isText) continue;
      counters.completed += 1;
      counters.latencies.push(performance.now() - sent);
      send();
    }
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    counters.failed += 1;
  });
}

await openConnections(TARGET, CONNECTIONS, () => requestTo(TARGET, UPGRADE), converse);
const deadline = performance.now() + PATIENCE_MS;
while (open.size < CONNECTIONS) {
  if (performance.now() > deadline) fail(`only ${open.size} of ${CONNECTIONS} handshakes succeeded`);
  await sleep(20);
}
await report(counters);
