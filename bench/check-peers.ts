// Installs, builds and starts peers, and checks each shape that they declare: status, content type and exact
// body. `node build/bench/check-peers.js [names of folders]` prints a line for each shape and exits with 1 when
// there was a fault.
import { basename } from 'node:path';
import { errorMessage } from '#src/error-text.js';
import { startServer } from './process/server.js';
import { checkServer } from './shapes/check.js';
import { SHAPES } from './shapes/shapes.js';
import { PEERS, type Peer, readPeers } from './subjects/peer-file.js';
import { preparePeer } from './subjects/prepare-peer.js';
import type { Subject } from './subjects/subject.js';

const WORKERS = 2;
const CHECK_MS = 10_000;
/** A server has to end so long after SIGTERM. */
const END_MS = 2_000;

function report(name: string, what: string, fault: string | undefined): void {
  process.stdout.write(
    fault === undefined ? `ok    ${name}: ${what}\n` : `FAULT ${name}: ${what} ${fault}\n`,
  );
  if (fault !== undefined) process.exitCode = 1;
}

async function checkPeer(peer: Peer): Promise<void> {
  const prepared = await preparePeer(peer, WORKERS, (line) => process.stdout.write(`${line}\n`));
  if ('reason' in prepared) return report(peer.name, 'preparation', prepared.reason);
  await checkSubject(prepared);
}

async function checkSubject(subject: Subject): Promise<void> {
  const server = await startServer(subject);
  try {
    for (const shape of SHAPES.filter(
      ({ route, name }) => route === name && subject.routes.includes(route),
    )) {
      const fault = await checkServer(shape, server.url, AbortSignal.timeout(CHECK_MS)).catch(errorMessage);
      report(subject.name, shape.name, fault);
    }
  } finally {
    const before = performance.now();
    await server.stop();
    const tookMs = performance.now() - before;
    report(subject.name, 'end', tookMs > END_MS ? `took ${Math.round(tookMs)} ms after SIGTERM` : undefined);
  }
}

// An exit ends the running peer too, which is in a process group of its own.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

const wanted = process.argv.slice(2);
for (const peer of readPeers(PEERS)) {
  if (wanted.length > 0 && !wanted.includes(basename(peer.folder))) continue;
  try {
    await checkPeer(peer);
  } catch (error) {
    report(peer.name, 'start', errorMessage(error));
  }
}
