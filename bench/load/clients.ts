// Runs the load clients of `own/` (events, WebSockets), each in its own process. A client prints `begin` when
// all its connections are there, `end` after the measured time, and then its result as JSON.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { LoadRequest, LoadResult, LoadTool } from './load.js';

export const eventClients = clients('event clients', './own/events.js');
export const websocketClients = clients('WebSocket clients', './own/websockets.js');

function clients(name: string, file: string): LoadTool {
  return { name, run: (request) => runClient(fileURLToPath(new URL(file, import.meta.url)), request) };
}

async function runClient(file: string, request: LoadRequest): Promise<LoadResult> {
  const { url, shape, connections, seconds, signal, window } = request;
  const args = [file, url + shape.path, `${connections}`, `${seconds}`];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], signal });
  let last = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'begin') window.begin();
    else if (line === 'end') window.end();
    else last = line;
  });
  const [problem, [code]] = await Promise.all([
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  if (code !== 0) throw new Error(`the load client ended with ${code}: ${problem.trim()}`);
  return JSON.parse(last) as LoadResult;
}
