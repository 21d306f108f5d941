// For servers whose processes listen on one port with SO_REUSEPORT: the kernel spreads the connections. The
// first process serves as well, so no process of the comparison idles.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Runs the calling program in as many processes as its last argument says.
 * @param {(port: number) => unknown} listen Listens on 127.0.0.1 with SO_REUSEPORT; may return a promise.
 */
export async function onEveryCore(listen) {
  const given = process.env.PEER_PORT;
  const port = Number(given ?? (await freePort()));
  await listen(port);
  if (given === undefined) await startOthers(port);
  else inform();
}

/** uWebSockets.js shares a port only when it was asked for by its number. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function startOthers(port) {
  const workers = Number(process.argv[2] ?? 2);
  const env = { ...process.env, PEER_PORT: String(port) };
  const others = Array.from({ length: workers - 1 }, () => fork(process.argv[1], [], { env }));
  process.once('SIGTERM', () => void endWith(others));
  await Promise.all(others.map((other) => once(other, 'message')));
  process.stderr.write(`ready http://127.0.0.1:${port}\n`);
}

async function endWith(others) {
  const ended = others.map((other) => once(other, 'exit'));
  for (const other of others) other.kill('SIGKILL');
  await Promise.all(ended);
  process.exit(0);
}

function inform() {
  process.once('disconnect', () => process.exit(1));
  process.send('listening');
}
