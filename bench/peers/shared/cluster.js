// The primary of the servers on node:http: `node cluster.js APP WORKERS` runs APP, a module that listens on
// port 0, in so many processes of node:cluster, which share the port. The primary loads no framework.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { resolve } from 'node:path';

const [, , app, workers = '2'] = process.argv;
let starting = Number(workers);

cluster.setupPrimary({ exec: resolve(app), args: [] });
cluster.on('listening', (_worker, { port }) => {
  starting -= 1;
  if (starting === 0) process.stderr.write(`ready http://127.0.0.1:${port}\n`);
});
const fail = () => process.exit(1);
cluster.on('exit', fail);

async function end() {
  cluster.off('exit', fail);
  const workers = Object.values(cluster.workers);
  for (const worker of workers) worker.process.kill('SIGKILL');
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  process.exit(0);
}

process.once('SIGTERM', () => void end());

for (let worker = 0; worker < starting; worker += 1) cluster.fork({ NODE_ENV: 'production' });
