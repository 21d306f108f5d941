// Calls to instances whose certificates are rejected: over both protocols the failure says what is wrong.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import type { HttpError } from '#src/errors.js';
import { certificateFault } from '#src/upstream/certificate-fault.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import type { Transport } from '#src/upstream/transport.js';
import { rpcBench } from '#test/server/grpc/kit.js';
import { makeCertificate, needsOpenssl, type TestCertificate } from '#test/support/certificate.js';
import { endpoint } from './endpoints.js';

const failing = (code: string): Error => Object.assign(new Error('secret.example'), { code });

describe('the fault of a certificate', () => {
  // The texts of OpenSSL, which are all that grpc-js keeps of some errors.
  for (const [text, words] of [
    [
      'Error: 0:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:rec_layer_s3.c:1605',
      'demands a certificate of its clients',
    ],
    [
      'sslv3 alert handshake failure',
      'may demand a certificate of its clients, which calls do not send, have',
    ],
  ] as const)
    it(`is known by the text of an alert: ${words}`, () => {
      for (const error of [text, new Error(text)]) expect(certificateFault(error)).to.include(words);
    });

  for (const [code, words] of [
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'NODE_EXTRA_CA_CERTS'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'NODE_EXTRA_CA_CERTS'],
    ['CERT_HAS_EXPIRED', 'has expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'for other addresses'],
  ] as const)
    it(`${code} is named with what to do, and without the text of Node.js`, () => {
      expect(certificateFault(failing(code)))
        .to.include(words)
        .and.include(code)
        .and.not.include('secret');
    });

  for (const [what, error] of [
    ['an error of a connection', failing('ECONNREFUSED')],
    ['an error with the name of a method as its code', failing('toString')],
    ['an error without a code', new Error('certificate has expired')],
    ['a text', 'CERT_HAS_EXPIRED'],
    ['nothing', undefined],
  ] as const)
    it(`is none in ${what}`, () => expect(certificateFault(error)).to.equal(undefined));
});

describe('a call to an instance whose certificate is not trusted', () => {
  let folder: string;
  let certificate: TestCertificate;
  const closers: (() => unknown)[] = [];
  before(async function () {
    needsOpenssl(this);
    folder = await mkdtemp(join(tmpdir(), 'multilane-certificate-'));
    certificate = makeCertificate(folder, 'server');
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  async function failureOver(
    transport: Transport,
    protocol: 'http' | 'grpc',
    port: number,
  ): Promise<HttpError> {
    closers.push(() => transport.close());
    const to = endpoint('one', { port, protocol, metadata: { scheme: 'https' } });
    const request = { protocol, method: 'POST', path: '/demo.Demo/Any', headers: {}, body: Buffer.alloc(0) };
    const rest = { deadline: Deadline.after(20_000), signal: new AbortController().signal };
    return transport.send(to, { ...request, ...rest }).then(
      () => expect.fail('the call succeeded'),
      (error: HttpError) => error,
    );
  }

  const expectFault = ({ code, message }: HttpError): void => {
    expect(code).to.equal('BAD_UPSTREAM');
    expect(message).to.match(
      /^Instance one of orders has a certificate of an authority .* not trust; NODE_EXTRA/,
    );
  };

  it('by gRPC says so, every time', async () => {
    const { certFile, keyFile } = certificate;
    const bench = await rpcBench({}, { tls: { certFile, keyFile } });
    closers.push(() => bench.close());
    const transport = new GrpcTransport();
    for (let calls = 0; calls < 5; calls++) expectFault(await failureOver(transport, 'grpc', bench.port));
  });

  it('by HTTP says so, every time', async () => {
    const [cert, key] = [readFileSync(certificate.certFile), readFileSync(certificate.keyFile)];
    const server = createServer({ cert, key }, (_, response) => response.end());
    server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const transport = new HttpTransport();
    const { port } = server.address() as AddressInfo;
    for (let calls = 0; calls < 5; calls++) expectFault(await failureOver(transport, 'http', port));
  });
});
