// Counts how many calls a failing service gets until all workers of its caller have stopped calling it: with
// one breaker for all workers, and with a breaker in each.
//
//   node examples/one-brain/compare.js [--workers 8] [--rounds 25] [--picture FILE.svg] [--help]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { picture } from './picture.js';

const HELP = `Counts how many calls a failing service gets until all workers of its caller have stopped calling it: with one
breaker for all workers (Multilane), and with a breaker in each (node:cluster).

  node examples/one-brain/compare.js [options]

  --workers N         workers of each shop, 1 to 256 (8)
  --rounds N          requests that each worker gets, 1 to 1000 (25)
  --picture FILE.svg  draws each request as a square
  --help              shows this
`;
const values = options();
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const WORKERS = wholeNumber('workers', 256);
/** Requests that each worker gets. */
const ROUNDS = wholeNumber('rounds', 1_000);
/** Connections that may be needed to reach every worker. */
const MAX_CONNECTIONS = WORKERS * 50;
const PRIMARY = join(
  dirname(createRequire(import.meta.url).resolve('multilane/package.json')),
  'dist/primary.js',
);

function options() {
  try {
    const { values } = parseArgs({
      options: {
        workers: { type: 'string', default: '8' },
        rounds: { type: 'string', default: '25' },
        picture: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    return wrong(error.message);
  }
}

function wholeNumber(option, most) {
  const text = values[option];
  if (/^[1-9]\d*$/.test(text) && Number(text) <= most) return Number(text);
  return wrong(`--${option} is ${JSON.stringify(text)}: give a whole number from 1 to ${most}`);
}

function openPicture(path) {
  try {
    return openSync(path, 'w');
  } catch (error) {
    return wrong(`--picture: ${error.message}`);
  }
}

/** Ends the program because of a wrong option. */
function wrong(what) {
  process.stderr.write(`one-brain: ${what} (--help shows the options)\n`);
  process.exit(78);
}

/** A bank that is down, and counts the calls that it gets. */
async function startBank() {
  const bank = { calls: 0 };
  const server = createServer((_request, response) => {
    bank.calls += 1;
    response.writeHead(500).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(bank, {
    port: server.address().port,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  });
}

/** Starts a program. @returns its process, and the first line of an output that matches */
async function startProgram(args, env, output, pattern) {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', output === 'stdout' ? 'pipe' : 'ignore', output === 'stderr' ? 'pipe' : 'inherit'],
  });
  for await (const line of createInterface({ input: child[output] })) {
    const found = pattern.exec(line);
    if (found !== null) {
      child[output].resume();
      return { child, found };
    }
    console.error(line);
  }
  throw new Error(`${args[0]} has ended before it was ready`);
}

async function stop(child) {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Sends one request over the connection of an agent, which opens another one when it was closed. */
async function ask(agent, url) {
  const [response] = await once(get(url, { agent }), 'response');
  return JSON.parse(await text(response));
}

/** Opens connections until every worker has one. @returns an agent with one connection for each worker */
async function connectToEach(url) {
  const found = new Map();
  for (let tries = 0; found.size < WORKERS; tries += 1) {
    if (tries === MAX_CONNECTIONS) throw new Error(`only ${found.size} workers of ${url} were reached`);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { worker } = await ask(agent, `${url}/worker`);
    if (found.has(worker)) agent.destroy();
    else found.set(worker, agent);
  }
  return found;
}

/**
 * Makes sure that the connection of a worker leads to it. Servers close connections that were idle for some
 * seconds, as they may be on a machine with much other work, and the next one may lead to another worker.
 */
async function reach(agents, worker, url) {
  for (let tries = 0; tries < MAX_CONNECTIONS; tries += 1) {
    const found = await ask(agents.get(worker), `${url}/worker`).catch(() => undefined);
    if (found?.worker === worker) return;
    agents.get(worker).destroy();
    agents.set(worker, new Agent({ keepAlive: true, maxSockets: 1 }));
  }
  throw new Error(`worker ${worker} of ${url} was not reached any more`);
}

/** Lets each worker pay once in each round. */
async function measure(title, url, bank) {
  const agents = await connectToEach(url);
  const requests = [];
  const before = bank.calls;
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const worker of [...agents.keys()]) {
        await reach(agents, worker, url);
        const result = await ask(agents.get(worker), `${url}/pay`);
        requests.push({ worker: result.worker, round, isCalled: result.refused === undefined });
      }
    }
  } finally {
    for (const agent of agents.values()) agent.destroy();
  }
  return { title, workers: [...agents.keys()], requests, called: bank.calls - before };
}

async function withMultilane(bank) {
  const folder = mkdtempSync(join(tmpdir(), 'one-brain-'));
  const env = {
    ...{ HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0', WORKERS: String(WORKERS), DATA_DIR: folder },
    ...{ BREAKER_OPEN_MS: '60000', LOG_LEVEL: 'error' },
  };
  const args = [PRIMARY, '--config', join(import.meta.dirname, 'multilane.config.js')];
  const ready = /^multilane ready (\S+) admin (\S+)$/;
  const { child, found } = await startProgram(args, env, 'stderr', ready);
  try {
    const [, url, admin] = found;
    const registered = await fetch(`${admin}/registry/v1/services/bank/instances/one`, {
      method: 'PUT',
      body: JSON.stringify({ host: '127.0.0.1', port: bank.port, ttlSeconds: 3600 }),
    });
    if (!registered.ok) throw new Error(`the bank was not registered: ${await registered.text()}`);
    return await measure('Multilane, one breaker for all workers', url, bank);
  } finally {
    await stop(child);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function withCluster(bank) {
  const env = { WORKERS: String(WORKERS), BANK_PORT: String(bank.port) };
  const args = [join(import.meta.dirname, 'share-nothing.js')];
  const { child, found } = await startProgram(args, env, 'stdout', /^ready (\S+)$/);
  try {
    return await measure('node:cluster, a breaker in each worker', found[1], bank);
  } finally {
    await stop(child);
  }
}

function print(results) {
  const rows = [
    ['', 'workers', 'requests', 'failed calls', 'refused at once'],
    ...results.map(({ title, workers, requests, called }) =>
      [title, workers.length, requests.length, called, requests.length - called].map(String),
    ),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows)
    console.log(
      row
        .map((cell, at) => cell.padEnd(widths[at]))
        .join('  ')
        .trimEnd(),
    );
}

// It is opened before the work, so that a wrong path is reported at once.
const file = values.picture === undefined ? undefined : openPicture(values.picture);
const bank = await startBank();
try {
  const results = [await withMultilane(bank), await withCluster(bank)];
  print(results);
  if (file !== undefined) writeFileSync(file, picture(results));
} finally {
  bank.stop();
}
