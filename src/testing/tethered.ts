// The entry that `startCluster` runs: the process itself, which stops when its parent has ended, even when
// that was killed. Descriptor 3 is a pipe that is never written to; it closes with the parent.
import { Socket } from 'node:net';

const tether = new Socket({ fd: 3, readable: true, writable: false });
tether.on('error', () => {}); // followed by 'close'
tether.on('close', () => process.kill(process.pid, 'SIGTERM'));
tether.resume();
tether.unref();

await import('../primary.js');
