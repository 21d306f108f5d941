// The same shop on node:cluster: each worker is a process with a circuit breaker of its own (opossum, with the
// rule of Multilane: half of at least 20 calls, here of the last minute). The environment has WORKERS and BANK_PORT.
import cluster from 'node:cluster';
import { createServer } from 'node:http';
import CircuitBreaker from 'opossum';

const { WORKERS, BANK_PORT } = process.env;

async function charge() {
  const { ok, status } = await fetch(`http://127.0.0.1:${BANK_PORT}/charge`);
  if (!ok) throw Object.assign(new Error(`the bank responds with ${status}`), { status });
  return status;
}

function serve() {
  const breaker = new CircuitBreaker(charge, {
    volumeThreshold: 20,
    errorThresholdPercentage: 50,
    rollingCountTimeout: 60_000,
    resetTimeout: 60_000,
    timeout: false, // only what the bank responds counts, however busy this machine is
  });
  const pay = async () => {
    try {
      return { worker: process.pid, status: await breaker.fire() };
    } catch (error) {
      const { status } = error;
      return status === undefined
        ? { worker: process.pid, refused: error.code }
        : { worker: process.pid, status };
    }
  };
  const respond = (response, body) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  const server = createServer((request, response) => {
    if (request.url === '/pay') void pay().then((body) => respond(response, body));
    else respond(response, { worker: process.pid });
  });
  server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => process.send?.(server.address().port));
}

if (cluster.isPrimary) {
  let listening = 0;
  cluster.on('message', (_worker, port) => {
    listening += 1;
    if (listening === Number(WORKERS)) console.log(`ready http://127.0.0.1:${port}`);
  });
  for (let worker = 0; worker < Number(WORKERS); worker += 1) cluster.fork();
} else {
  serve();
}
