// The entry that `startCluster` runs: the process itself, which stops (SIGTERM) when its parent has ended,
// even when the parent was killed. Descriptor 3 is a pipe from the parent. Nothing is written to it, and it
// closes when the parent ends.
import { Socket } from 'node:net';

const tether = new Socket({ fd: 3, readable: true, writable: false });
tether.on('error', () => {}); // followed by 'close'
tether.on('close', () => process.kill(process.pid, 'SIGTERM'));
tether.resume();
tether.unref();

await import('../primary.js');
