import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { ServerProbe } from '#src/db/server-probe.js';
import { canLimitFiles, withoutFiles } from '#test/support/open-files.js';
import { until } from '#test/support/until.js';
import { deferred } from './fixtures/deferred.js';

/** ErrorResponse of the protocol: severity, SQLSTATE, message. */
function refusal(state: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C${state}\0Mrefused\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

describe('a server that is probed', () => {
  let server: Server;
  let probe: ServerProbe;
  let open: Socket | undefined;
  const lines: string[] = [];
  const say = (_details: unknown, line = String(_details)): void => void lines.push(line);
  const log = { debug: say, info: say, warn: say, error: say } as never;
  afterEach(async () => {
    open?.destroy();
    await probe.stop();
    server.close();
    lines.length = 0;
  });

  /** Refuses one log-in after the other with these SQLSTATEs; resolves when it has got one more than them. */
  const refuse = async (states: readonly string[]): Promise<void> => {
    let asked = 0;
    const { promise, resolve } = deferred<void>();
    server = createServer((socket: Socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        const state = states[asked++];
        if (state !== undefined) {
          socket.end(refusal(state));
          return;
        }
        open = socket;
        resolve();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    probe = new ServerProbe(`postgres://app@127.0.0.1:${port}/shop`, log, 1);
    await promise;
  };

  for (const state of ['3D000', '42501', '28P01', '53300']) {
    it(`counts as responding when it refuses with ${state}`, async () => {
      await refuse([state, state]);
      expect(probe.silentAddress).to.equal(undefined);
      expect(lines).to.deep.equal([]);
    });
  }

  it('counts as silent while it starts or stops, with one line in the log for each change', async () => {
    await refuse(['57P01', '57P03', '57P02']);
    expect(probe.silentAddress).to.match(/^127\.0\.0\.1:\d+$/);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.include('does not respond');
  });

  it('keeps its status while this process has no file descriptor, with one line in the log', async function () {
    if (!canLimitFiles()) this.skip();
    await refuse(['3D000']);
    const { port } = server.address() as AddressInfo;
    const other = await withoutFiles(async () => {
      const asking = new ServerProbe(`postgres://app@127.0.0.1:${port}/shop`, log, 1);
      await until(
        () => lines.length,
        (count) => count > 0,
      );
      expect(asking.silentAddress).to.equal(undefined);
      return asking;
    });
    await other.stop();
    expect(lines).to.have.length(1);
    expect(lines[0]).to.include('cannot probe');
  });

  it('counts as responding again as soon as it accepts a log-in or refuses one for another reason', async () => {
    await refuse(['57P03', '3D000']);
    expect(probe.silentAddress).to.equal(undefined);
    expect(lines[1]).to.include('responds again');
  });
});
