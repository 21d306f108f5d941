// A process whose last moment something holds up: what, a code, and a FIFO that nobody writes to are its
// arguments.
import { scrypt } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { exitProcess } from '#src/process/process-exit.js';
import type { Hold } from '../cluster/held-holds.js';

const thread = async (script: string): Promise<void> => {
  const started = `require('node:worker_threads').parentPort.postMessage('started');`;
  await once(new Worker(`${started} ${script}`, { eval: true }), 'message');
};

async function hold(what: Hold, fifo: string): Promise<void> {
  if (what === 'file') readFile(fifo, () => undefined);
  if (what === 'file of a thread') await thread(`require('node:fs').readFile('${fifo}', () => {});`);
  if (what === 'native thread')
    await thread(`require('node:child_process').execSync('sleep 20', { stdio: 'ignore' });`);
  if (what === 'hash') scrypt('secret', 'salt', 32, { N: 2 ** 20, p: 60, maxmem: 2 ** 31 }, () => undefined);
  process.on('exit', () => {
    if (what === 'throwing') throw new Error('a listener of exit');
    if (what === 'looping') for (;;);
    if (what === 'deciding') process.exitCode = 42;
  });
}

const [what, code, fifo] = process.argv.slice(2);
await hold(what as Hold, fifo!);
writeSync(1, 'held');
void exitProcess(Number(code), what === 'file of a thread');
