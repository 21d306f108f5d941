import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { until } from '#test/support/until.js';
import { type RpcBench, rpcBench } from './kit.js';

describe('the TLS handshake with a gRPC server', () => {
  let folder: string | undefined;
  let bench: RpcBench | undefined;
  before(async function () {
    needsOpenssl(this);
    folder = await mkdtemp(join(tmpdir(), 'handshakes-'));
    const { certFile, keyFile } = makeCertificate(folder, 'server');
    bench = await rpcBench({}, { tls: { certFile, keyFile }, server: { requestTimeoutMs: 200 } });
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
});
