// Instances with the metadata `scheme: https`. Which authorities a process trusts is fixed at its start, so
// the calls are made in a process of their own.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { type RpcBench, rpcBench } from '#test/server/grpc/kit.js';
import { makeCertificate, needsOpenssl, type TestCertificate } from '#test/support/certificate.js';

const CALLER = fileURLToPath(new URL('rpc-caller.js', import.meta.url));

describe('a call by gRPC to an instance with TLS', () => {
  let folder: string;
  let bench: RpcBench;
  let certificate: TestCertificate;
  before(async function () {
    needsOpenssl(this);
    folder = await mkdtemp(join(tmpdir(), 'multilane-grpc-'));
    certificate = makeCertificate(folder, 'server');
    const { certFile, keyFile } = certificate;
    bench = await rpcBench({ Get: ((item: object) => item) as never }, { tls: { certFile, keyFile } });
  });
  after(async () => {
    bench?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  const call = async (authority: string | undefined, scheme: string) => {
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: authority };
    const args = [...process.execArgv, CALLER, String(bench.port), scheme];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
    return [stdout.trim(), stderr];
  };

  it('is encrypted where its authority is trusted, and causes no warning', async () => {
    expect(await call(certificate.certFile, 'https')).to.deep.equal(['200', '']);
  });

  it('fails where its authority is not trusted', async () => {
    expect(await call(undefined, 'https')).to.deep.equal(['BAD_UPSTREAM', '']);
  });

  it('fails without TLS', async () => {
    expect(await call(certificate.certFile, 'http')).to.deep.equal(['BAD_UPSTREAM', '']);
  });
});
