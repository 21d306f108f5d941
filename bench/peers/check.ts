// Installs, builds and starts peers, and checks each shape that they declare: status, content type and exact
// body. `node build/bench/peers/check.js [names of folders]` prints a line for each shape and exits with 1 when
// there was a fault.
import { type Peer, prepare, readPeers } from './check/peer.js';
import { type Running, start } from './check/running.js';
import { CHECKS } from './check/shapes.js';

function report(peer: Peer, what: string, fault: string | undefined): void {
  console.log(fault === undefined ? `ok    ${peer.name}: ${what}` : `FAULT ${peer.name}: ${what} ${fault}`);
  if (fault !== undefined) process.exitCode = 1;
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function checkShapes(peer: Peer, running: Running): Promise<void> {
  for (const shape of peer.shapes) {
    const check = CHECKS[shape];
    const fault = check === undefined ? 'is no shape' : await check(running.url).catch(reason);
    report(peer, shape, fault);
  }
}

// An exit ends the running peer too, which is in a process group of its own.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

for (const peer of readPeers(process.argv.slice(2))) {
  try {
    prepare(peer);
    const running = await start(peer);
    await checkShapes(peer, running);
    report(peer, 'end', await running.end());
  } catch (error) {
    report(peer, 'start', reason(error));
  }
}
