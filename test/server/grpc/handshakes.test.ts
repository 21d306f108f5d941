import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import fc from 'fast-check';
import { Handshakes } from '#src/server/grpc/handshakes.js';
import { TimerWheel } from '#src/server/timer-wheel.js';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { until } from '#test/support/until.js';
import { ManualTicker } from '../kit.js';
import { type RpcBench, rpcBench } from './kit.js';

const TIMEOUT_MS = 200;

describe('the TLS handshake with a gRPC server', () => {
  let folder: string | undefined;
  let bench: RpcBench | undefined;
  before(async function () {
    needsOpenssl(this);
    folder = await mkdtemp(join(tmpdir(), 'handshakes-'));
    const { certFile, keyFile } = makeCertificate(folder, 'server');
    bench = await rpcBench({}, { tls: { certFile, keyFile }, server: { requestTimeoutMs: TIMEOUT_MS } });
  });
  after(async () => {
    bench?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  it('must be done within REQUEST_TIMEOUT_MS; connections that have done it stay', async () => {
    const { port, server } = bench!;
    const secure = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    await once(secure, 'secureConnect');
    const silent = connect(port, '127.0.0.1');
    const slow = connect(port, '127.0.0.1');
    slow.write(Buffer.from([22, 3, 1, 1, 0, 1, 0]));
    for (const one of [silent, slow]) one.on('error', () => {}).resume();
    await Promise.all([once(silent, 'close'), once(slow, 'close')]);
    await until(
      () => server.connections,
      (open) => open === 1,
    );
    expect(secure.destroyed).to.equal(false);
    secure.destroy();
  });

  it('goes on when the process was paused meanwhile', async () => {
    const ticker = new ManualTicker();
    const tls = { certFile: join(folder!, 'server.crt'), keyFile: join(folder!, 'server.key') };
    const paused = await rpcBench({}, { tls, ticker, server: { requestTimeoutMs: TIMEOUT_MS } });
    try {
      const socket = connect(paused.port, '127.0.0.1');
      await until(
        () => ticker.ticking,
        (isTicking) => isTicking,
      );
      ticker.stall(60_000);
      const secure = connectTls({ socket, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
      await once(secure, 'secureConnect');
      // A turn without alarms stops the ticker.
      const isTicking = await until(
        () => {
          ticker.advance(1);
          return ticker.ticking;
        },
        (isTicking) => !isTicking,
      );
      expect(isTicking).to.equal(false);
      secure.destroy();
    } finally {
      paused.close();
    }
  });
});

describe('the bound of TLS handshakes', () => {
  class FakeSocket extends EventEmitter {
    readonly remoteAddress = '192.0.2.1';
    readonly remotePort: number;
    isSecure = false;
    isCut = false;
    hasLeft = false;

    constructor(remotePort: number) {
      super();
      this.remotePort = remotePort;
    }

    destroy(): void {
      this.isCut = true;
    }
  }

  it('cuts every connection that is not secure in time, also when ports are used again', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('open', 'leave', 'secure'), fc.nat(9), fc.nat(1)), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(steps, (steps) => {
        const ticker = new ManualTicker();
        const handshakes = new Handshakes(
          new TimerWheel((error) => expect.fail(String(error)), ticker),
          TIMEOUT_MS,
        );
        const opened: FakeSocket[] = [];
        for (const [what, which, port] of steps) {
          const one = opened[which];
          if (what === 'open') {
            const socket = new FakeSocket(port);
            opened.push(socket);
            handshakes.begin(socket as unknown as Socket);
          } else if (what === 'leave' && one?.hasLeft === false) {
            one.hasLeft = true;
            one.emit('close');
          } else if (what === 'secure' && one?.hasLeft === false) {
            // The library hears of the newest connection of a port.
            if (opened.findLast(({ remotePort }) => remotePort === one.remotePort) !== one) continue;
            one.isSecure = true;
            handshakes.done(one as unknown as Socket);
          }
        }
        ticker.advance(2 * TIMEOUT_MS);
        for (const { isCut, isSecure, hasLeft } of opened) expect(isCut).to.equal(!isSecure && !hasLeft);
        expect(ticker.ticking).to.equal(false);
      }),
    );
  });
});
