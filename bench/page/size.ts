// Measures the page of metrics of a running process after clients have sent 50,000 distinct paths, methods and
// names of a label: its bytes, the time until a client has it, and the CPU time of the process meanwhile. The
// first page loads code and reads the names of all series. node build/bench/page/size.js [distinct]
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { cpuTime } from '../process/proc.js';
import { adminOf } from '../process/register.js';
import { startServer } from '../process/server.js';

const DISTINCT = Number(process.argv[2] ?? 50_000);
const [CLIENTS, PAGES] = [48, 9];

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const server = await startServer({
  name: 'multilane',
  command: process.execPath,
  args: [file('../../../dist/primary.js'), '--config', file('./multilane.config.js')],
  env: {
    PORT: '0',
    HOST: '127.0.0.1',
    ADMIN_PORT: '0',
    LOG_LEVEL: 'error',
    WORKERS: '4',
    ADAPTIVE_LIMIT: 'off',
  },
});
try {
  await fill();
  for (const accept of ['text/plain', 'application/openmetrics-text']) await measure(accept);
} finally {
  await server.stop();
}

/** Every request has a path, a method or a label value of its own. */
async function fill(): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < DISTINCT) {
      const n = next++;
      await send(agent, 'GET', `/visit?name=name-${n}`, 200);
      await send(agent, 'GET', `/path-${n}`, 404);
      await send(agent, `M${n}`, '/visit', 501);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  agent.destroy();
}

function send(agent: Agent, method: string, path: string, expected: number): Promise<void> {
  return new Promise((resolve, reject) => {
    request(server.url + path, { agent, method }, (response) => {
      response.resume().once('end', resolve);
      if (response.statusCode !== expected) reject(new Error(`${method} ${path}: ${response.statusCode}`));
    })
      .once('error', reject)
      .end();
  });
}

async function measure(accept: string): Promise<void> {
  const pages: string[] = [];
  let bytes = 0;
  for (let n = 0; n < PAGES; n++) {
    const [since, cpu] = [performance.now(), cpuUs()];
    const page = await fetch(`${adminOf(server)}/metrics`, { headers: { accept } });
    bytes = (await page.arrayBuffer()).byteLength;
    pages.push(
      `${Math.round(performance.now() - since)} ms (${Math.round((cpuUs() - cpu) / 1000)} ms of CPU)`,
    );
  }
  console.log(`${accept}: ${bytes} bytes, ${pages.join(', ')}`);
}

function cpuUs(): number {
  const { user, system } = cpuTime(server.pid);
  return user + system;
}
