// A program under node:cluster, as pm2 runs one: a process of it listens, shared and not, and the master
// prints the ports that it has listened on in its place.
import cluster from 'node:cluster';
import { createServer } from 'node:net';
import { listenAt } from '#src/node-http.js';

const HOST = '127.0.0.1';

if (cluster.isPrimary) {
  const ports: number[] = [];
  cluster.on('listening', (_child, { port }) => ports.push(port));
  const child = cluster.fork();
  // The messages of a process arrive in their order.
  child.once('message', (own: readonly number[]) => {
    console.log(JSON.stringify({ own, ports }));
    child.kill();
  });
} else {
  const own: number[] = [];
  for (const isShared of [false, true])
    own.push(await listenAt(createServer(), { host: HOST, port: 0, isShared }));
  process.send!(own);
}
