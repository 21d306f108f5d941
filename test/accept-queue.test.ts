import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { acceptQueueEmpty } from '#src/accept-queue.js';

/** Connects when it is told to, while the thread of the server is blocked. */
const CLIENT = `
  const { parentPort, workerData: { flags, port } } = require('node:worker_threads');
  Atomics.wait(flags, 0, 0);
  const socket = require('node:net').connect(port, '127.0.0.1', () => {
    Atomics.store(flags, 1, 1);
    Atomics.notify(flags, 1);
  });
  const end = (how) => () => (parentPort.postMessage(how), socket.destroy());
  socket.on('data', end('served')).on('error', end('lost')).on('close', end('lost'));
`;
const LONG_MS = 20;

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

describe('the queue of a listener', () => {
  it('is waited for when a connection was completed behind the poll of a long turn', async () => {
    let accepted = 0;
    const server = createServer((socket) => {
      accepted += 1;
      socket.on('error', () => undefined).end('here');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const flags = new Int32Array(new SharedArrayBuffer(12));
    const client = new Worker(CLIENT, { eval: true, workerData: { flags, port: portOf(server) } });
    await once(client, 'online');
    const outcome = once(client, 'message');

    const own = createServer();
    await once(own.listen(0, '127.0.0.1'), 'listening');
    const near = connect(portOf(own), '127.0.0.1');
    const [far] = (await once(own, 'connection')) as [ReturnType<typeof connect>];
    far.once('data', () => {
      Atomics.store(flags, 0, 1);
      Atomics.notify(flags, 0);
      Atomics.wait(flags, 1, 0);
      Atomics.wait(flags, 2, 0, LONG_MS);
    });

    const empty = acceptQueueEmpty(() => accepted);
    setImmediate(() => near.write('the turn after this one is long'));
    await empty;
    server.close();
    expect((await outcome)[0]).to.equal('served');
    near.destroy();
    own.close();
    await client.terminate();
  });

  it('is not waited for without end where each turn is long', async () => {
    const never = new Int32Array(new SharedArrayBuffer(4));
    let turns = 0;
    let isBusy = true;
    const work = (): void => {
      turns += 1;
      Atomics.wait(never, 0, 0, 5);
      if (isBusy) setImmediate(work);
    };
    work();
    await acceptQueueEmpty(() => 0);
    isBusy = false;
    expect(turns).to.be.within(5, 100);
  });

  it('is waited for no longer than was allowed where each turn accepts a connection', async () => {
    let accepted = 0;
    const begun = performance.now();
    await acceptQueueEmpty(() => accepted++, 20);
    expect(accepted).to.be.above(1);
    expect(performance.now() - begun).to.be.at.least(20);
  });
});
