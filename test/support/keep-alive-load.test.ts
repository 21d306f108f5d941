import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, Server } from 'node:net';
import { expect } from 'chai';
import { keepAliveLoad, type LoadAccount, type LoadOptions } from './keep-alive-load.js';

/** Runs the load against a server that ends after `requests` responses, and returns the account. */
async function accountOf(
  respond: (turn: number) => RequestListener,
  requests: number,
  options?: LoadOptions,
): Promise<LoadAccount> {
  let turn = 0;
  const server = createServer((request, response) => {
    turn += 1;
    // net's close, not http's: that one would also cut idle keep-alive connections.
    if (turn >= requests) Server.prototype.close.call(server);
    respond(turn)(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const load = keepAliveLoad(
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ['/a', '/b'],
    3,
    options,
  );
  await load.ended;
  return load.account;
}

describe('the account of the keep-alive load', () => {
  it('shows no loss when every connection is closed by its last response', async () => {
    const account = await accountOf(
      (turn) => (_, response) => response.writeHead(200, turn >= 30 ? { connection: 'close' } : {}).end('ok'),
      30,
    );
    expect(account.lost).to.deep.equal([]);
    expect(account.answered).to.be.at.least(30);
    expect(account.refused).to.equal(3);
  });

  it('shows a connection that ends without a response', async () => {
    const account = await accountOf(
      (turn) => (request, response) => (turn >= 10 ? request.socket.destroy() : response.end('ok')),
      10,
    );
    expect(account.lost).to.have.length.greaterThan(0);
  });

  it('distinguishes a connection that ends while its client pauses from a lost request', async () => {
    // With this seed no pause is shorter than a fifth of the longest.
    const thinking = { thinkMs: 200, seed: 82 };
    const ends = await accountOf(
      () => (request, response) => response.end('ok', () => request.socket.end()),
      10,
      thinking,
    );
    expect(ends.lost).to.deep.equal([]);
    expect(ends.closedIdle).to.be.at.least(10);
    const second = await accountOf(
      (turn) => (request, response) => (turn > 3 ? request.socket.destroy() : response.end('ok')),
      6,
      thinking,
    );
    expect(second.closedIdle).to.equal(0);
    expect(second.lost).to.have.length.of.at.least(3);
  });

  it('shows a response that is cut in its body', async () => {
    const account = await accountOf(
      (turn) => (request, response) => {
        if (turn < 10) response.end('ok');
        else response.writeHead(200, { 'content-length': '100' }).write('half', () => request.socket.end());
      },
      10,
    );
    expect(account.lost.some((loss) => loss.includes('half'))).to.equal(true);
  });
});
