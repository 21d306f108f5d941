import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { SinglePort, type SinglePortOptions } from '#src/cluster/single-port.js';
import { StartError } from '#src/errors.js';
import { silentLog } from '#test/support/silent-log.js';
import { until } from '#test/support/until.js';
import { UNCOUNTED } from './uncounted.js';

const HOST = '127.0.0.1';
const GIVEN: SinglePortOptions = {
  httpCore: 'node',
  host: HOST,
  port: 0,
  sharing: 'alone',
  tlsCertFile: undefined,
  tlsKeyFile: undefined,
  connections: UNCOUNTED,
};

describe('the port of the only HTTP worker, in the primary', () => {
  const open: { close(): void }[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
  });

  const opened = async (options: Partial<SinglePortOptions> = {}): Promise<SinglePort> => {
    const single = await SinglePort.open({ ...GIVEN, ...options }, silentLog);
    open.push(single);
    return single;
  };
  /** The listener of a thread. */
  const listen = async (port: number): Promise<{ close(): void }> => {
    const server = createServer((_request, response) => void response.end('worker')).listen(port, HOST);
    await once(server, 'listening');
    open.push(server);
    return server;
  };
  const ask = async (port: number): Promise<string> => {
    try {
      const response = await fetch(`http://${HOST}:${port}/`, { headers: { connection: 'close' } });
      return `${response.status} ${await response.text()}`;
    } catch {
      return 'refused';
    }
  };

  it('is taken by the primary until a thread is to listen', async () => {
    const single = await opened();
    expect(single.of()).to.equal(single.port).and.to.be.greaterThan(0);
    expect(await ask(single.port)).to.match(/^503 .*"NO_WORKER"/);
    single.vacate();
    await listen(single.port);
    single.listening();
    expect(await ask(single.port)).to.equal('200 worker');
    expect(single.isSilent()).to.equal(false);
  });

  it('is taken again while no thread listens', async () => {
    const single = await opened();
    single.vacate();
    (await listen(single.port)).close();
    single.listening();
    single.silent();
    expect(single.isSilent()).to.equal(true);
    const response = await until(
      () => ask(single.port),
      (text) => text !== 'refused',
    );
    expect(response).to.match(/^503 .*"NO_WORKER"/);
    single.vacate();
    await listen(single.port);
    single.listening();
    expect(single.isSilent()).to.equal(false);
  });

  it('is given up although the primary was only about to listen', async () => {
    const single = await opened();
    single.vacate();
    single.silent();
    single.vacate();
    const probe = await opened({ port: 0 });
    expect(await ask(probe.port)).to.match(/^503/);
    expect(await ask(single.port)).to.equal('refused');
  });

  it('is refused to a start while another program listens', async () => {
    const { port } = await opened();
    const refusal = await opened({ port }).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(StartError).with.property('message').that.includes(`${HOST}:${port} `);
  });

  it('is left to a predecessor, and to no other process once a thread has listened', async () => {
    const elder = createServer((_request, response) => void response.end('elder')).listen(0, HOST);
    await once(elder, 'listening');
    open.push(elder);
    const { port } = elder.address() as AddressInfo;
    const single = await opened({ port, sharing: 'beside' });
    expect(single.isShared()).to.equal(true);
    single.silent();
    expect(await ask(port)).to.equal('200 elder');
    single.listening();
    expect(single.isShared()).to.equal(false);
  });

  it('is not taken again once the process stops', async () => {
    const single = await opened();
    await single.stopListening();
    single.silent();
    const probe = await opened();
    expect(await ask(probe.port)).to.match(/^503/);
    expect(await ask(single.port)).to.equal('refused');
  });
});
