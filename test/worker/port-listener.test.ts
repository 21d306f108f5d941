import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { expect } from 'chai';
import { PortListener } from '#src/worker/port-listener.js';
import { until } from '#test/support/until.js';

const HOST = '127.0.0.1';

/** A listener of Node.js in place of the server, and what has become of the orders. */
function setUp() {
  const happened: string[] = [];
  /** How the next attempts fail. */
  const failures: Error[] = [];
  let listener: Server | undefined;
  const worker = new PortListener({
    host: HOST,
    settings: { host: 'GRPC_HOST', port: 'GRPC_PORT' },
    server: {
      async listen(port, host) {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        const server = createServer().listen(port, host);
        await once(server, 'listening');
        listener = server;
        return (server.address() as AddressInfo).port;
      },
      async stopListening() {
        const server = listener;
        listener = undefined;
        if (server !== undefined) await new Promise((resolve) => server.close(resolve));
      },
    },
    listening: () => happened.push('listening'),
    ready: () => happened.push('ready'),
    failed: ({ message }, isHopeless) => happened.push(`${isHopeless ? 'hopeless' : 'failed'}: ${message}`),
    late: ({ message }) => happened.push(`late: ${message}`),
  });
  return { worker, happened, failures };
}

/** A program that has a port. */
async function stranger(): Promise<{ readonly port: number; leave(): Promise<void> }> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, leave: () => new Promise((resolve) => server.close(() => resolve())) };
}

const order = (port: number, withinMs = 0, isShared = false, isKept = false) => ({
  ...{ port, withinMs, isShared, isKept },
});

describe('a worker that is ordered to listen', () => {
  it('listens, and is ready after that', async () => {
    const { worker, happened } = setUp();
    await worker.listen(order(0));
    expect(happened).to.deep.equal(['listening', 'ready']);
    await worker.unbind();
  });

  it('fails at once at a port that nothing is to give up, naming settings and port', async () => {
    const { worker, happened } = setUp();
    const other = await stranger();
    await worker.listen(order(other.port));
    expect(happened).to.have.length(1);
    expect(happened[0]).to.match(
      new RegExp(`^hopeless: .*${HOST}:${other.port} .*GRPC_PORT.*another program.*set GRPC_PORT`),
    );
    await other.leave();
  });

  it('tries again until a predecessor has given up the port', async () => {
    const { worker, happened } = setUp();
    const other = await stranger();
    const listens = worker.listen(order(other.port, 20_000));
    await other.leave();
    await listens;
    expect(happened).to.deep.equal(['listening', 'ready']);
    await worker.unbind();
  });

  it('fails, but not for ever, at a port that is not free in time', async () => {
    const { worker, happened } = setUp();
    const other = await stranger();
    await worker.listen(order(other.port, 1));
    await worker.listen(order(other.port, 1, false, true));
    expect(happened).to.have.length(2);
    expect(happened[0]).to.match(/^failed: .*the port is in use, probably by another program/);
    expect(happened[1]).to.match(/^failed: .*a thread that was to give up the port/);
    await other.leave();
  });

  it('keeps trying when it was ready before, and says so once', async () => {
    const { worker, happened } = setUp();
    const other = await stranger();
    const listens = worker.listen(order(other.port, 1, true));
    await until(
      () => happened.length,
      (length) => length === 2,
    );
    await other.leave();
    await listens;
    expect(happened[1]).to.match(/^late: cannot listen/);
    expect(happened.toSpliced(1, 1)).to.deep.equal(['ready', 'listening']);
    await worker.unbind();
  });

  it('says at once, with code and next step, what it cannot wait for, and says it again after it has listened', async () => {
    const { worker, happened, failures } = setUp();
    const outOfFiles = (): Error => Object.assign(new Error('listen EMFILE'), { code: 'EMFILE' });
    failures.push(outOfFiles());
    await worker.listen(order(0, 20_000));
    expect(happened.splice(0))
      .to.have.length(1)
      .and.to.have.property('0')
      .that.matches(
        /^failed: cannot listen on .*\(GRPC_HOST, GRPC_PORT\): too many files are open; .*\(EMFILE\)$/,
      );
    await worker.listen(order(0));
    for (let n = 0; n < 2; n += 1) {
      await worker.unbind();
      failures.push(outOfFiles(), outOfFiles());
      await worker.listen(order(0, 20_000));
    }
    expect(happened.map((line) => line.split(':')[0])).to.deep.equal([
      ...['listening', 'ready'],
      ...['late', 'listening'],
      ...['late', 'listening'],
    ]);
    await worker.unbind();
  });

  it('listens again after the port is free that it gives up just then', async () => {
    const { worker, happened } = setUp();
    await worker.listen(order(0));
    const unbinds = worker.unbind();
    expect(worker.isListening).to.equal(true);
    const listens = worker.listen(order(0));
    await unbinds;
    expect(worker.isListening).to.equal(false);
    await listens;
    expect(happened).to.deep.equal(['listening', 'ready', 'listening']);
    await worker.unbind();
  });

  it('is ready before it listens where another process has the port until then', async () => {
    const { worker, happened } = setUp();
    const other = await stranger();
    const listens = worker.listen(order(other.port, 20_000, true));
    expect(happened).to.deep.equal(['ready']);
    await other.leave();
    await listens;
    expect(happened).to.deep.equal(['ready', 'listening']);
    await worker.unbind();
  });

  it('listens again after it has given up the port, and is ready once only', async () => {
    const { worker, happened } = setUp();
    const other = await stranger();
    const { port } = other;
    await other.leave();
    await worker.listen(order(port));
    await worker.unbind();
    const free = createServer().listen(port, HOST);
    await once(free, 'listening');
    await new Promise((resolve) => free.close(resolve));
    await worker.listen(order(port));
    expect(happened).to.deep.equal(['listening', 'ready', 'listening']);
    await worker.unbind();
  });

  it('stops trying when it is to give up the port before it has it', async () => {
    const { worker, happened } = setUp();
    const other = await stranger();
    const listens = worker.listen(order(other.port, 20_000));
    await worker.unbind();
    await listens;
    await other.leave();
    const free = createServer().listen(other.port, HOST);
    await once(free, 'listening');
    free.close();
    expect(happened).to.deep.equal([]);
    expect(
      await until(
        () => worker.isListening,
        (yes) => !yes,
      ),
    ).to.equal(false);
  });
});
