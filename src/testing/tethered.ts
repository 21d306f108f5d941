// What `startCluster` runs: the process itself, drained and stopped when whoever has started it is gone,
// however that ended. Descriptor 3 is a pipe that nobody writes to; only the other side's end is ever heard
// of.
import { Socket } from 'node:net';

const tether = new Socket({ fd: 3, readable: true, writable: false });
tether.on('error', () => {}); // an end as well
tether.on('close', () => process.kill(process.pid, 'SIGTERM'));
tether.resume();
tether.unref();

await import('../primary.js');
