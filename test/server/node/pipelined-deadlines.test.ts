// The deadline of a request that waits behind another one on its connection: it counts from the end of its
// own header, as that of any other request.
import { expect } from 'chai';
import { latch } from '../kit.js';
import { useNodeServers } from './mounted-kit.js';

const TIMEOUT_MS = 60_000;
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

/** Holds up the event loop until the clock shows another time. */
function pass(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe('a request that waits behind an unfinished one', () => {
  const serve = useNodeServers();

  /** Serves `behind` when it has waited. @returns its status, and a time at which it had arrived */
  async function behind(path: string): Promise<{ status: number; ran: readonly number[]; arrived: number }> {
    const ran: number[] = [];
    const read = latch<number>();
    const over = latch<void>();
    const requests = get('/first') + get(path);
    const { wire: open } = await serve((app) => {
      app.mountNode('/first', async ({ socket }, response) => {
        // The second request is parsed behind this callback.
        do await new Promise(setImmediate);
        while (socket.bytesRead < requests.length);
        read.open(performance.now());
        await over.opened;
        response.end();
      });
      app.get('/behind', { timeoutMs: TIMEOUT_MS }, (ctx) => {
        ran.push(performance.now() + ctx.deadline.remainingMs());
      });
      app.get('/hurried', { timeoutMs: 1 }, (ctx) => void ran.push(ctx.deadline.remainingMs()));
    });
    const wire = await open();
    wire.write(requests);
    const arrived = await read.opened;
    pass(5);
    over.open();
    expect((await wire.response())?.status).to.equal(200);
    const response = await wire.response();
    wire.destroy();
    return { status: response!.status, ran, arrived };
  }

  it('has a deadline that counts from the end of its header', async () => {
    const { status, ran, arrived } = await behind('/behind');
    expect(status).to.equal(204);
    expect(ran).to.have.length(1);
    expect(ran[0]).to.be.at.most(arrived + TIMEOUT_MS);
  });

  it('gets 504 in its turn, and is not executed, when its deadline has passed by then', async () => {
    const { status, ran } = await behind('/hurried');
    expect([status, ran]).to.deep.equal([504, []]);
  });
});
