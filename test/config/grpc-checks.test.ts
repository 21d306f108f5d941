import { expect } from 'chai';
import { refusal, settings } from './loading.js';

describe('the settings of gRPC', () => {
  it('have their defaults', async () => {
    expect(await settings()).to.include({ grpcPort: 50_051, grpcWorkers: 1, grpcReflection: 'off' });
    expect((await settings()).grpcHost).to.equal(undefined);
  });

  it('refuse a port that the data plane or the admin plane has, also of a later worker', async () => {
    const three = ['--grpc-workers', '3'];
    expect(await refusal({ argv: ['--grpc-port', '8080'] })).to.match(/^78 --grpc-port: 8080 .* data plane$/);
    expect(await refusal({ argv: ['--grpc-port', '9901'] })).to.match(
      /^78 --grpc-port: 9901 .* admin plane$/,
    );
    expect(await refusal({ argv: ['--grpc-port', '8078', ...three] })).to.match(
      /^78 --grpc-port: 8080 .* the ports 8078 to 8080$/,
    );
    expect(await settings({ argv: ['--grpc-port', '8077', ...three] })).to.include({ grpcPort: 8077 });
    const elsewhere = ['--host', '127.0.0.1', '--grpc-host', '127.0.0.2', '--grpc-port', '8080'];
    expect(await settings({ argv: elsewhere })).to.include({ grpcHost: '127.0.0.2' });
  });

  it('may have a port of a plane by default, because gRPC may not be served', async () => {
    expect(await settings({ argv: ['--port', '50051'] })).to.include({ port: 50_051, grpcPort: 50_051 });
  });

  it('refuse ports behind the last one', async () => {
    const argv = ['--grpc-port', '65535', '--grpc-workers', '2'];
    expect(await refusal({ argv })).to.match(/^78 --grpc-port: .* 65535 to 65536/);
    expect(await settings({ argv: ['--grpc-port', '65535'] })).to.include({ grpcPort: 65_535 });
  });

  it('refuse a certificate without a key, and authorities of clients without a certificate', async () => {
    expect(await refusal({ argv: ['--grpc-tls-cert-file', 'a.crt'] })).to.match(/^78 GRPC_TLS_KEY_FILE: /);
    expect(await refusal({ argv: ['--grpc-tls-key-file', 'a.key'] })).to.match(/^78 GRPC_TLS_CERT_FILE: /);
    expect(await refusal({ argv: ['--grpc-tls-client-ca-file', 'ca.crt'] })).to.match(
      /^78 GRPC_TLS_CERT_FILE: .*--grpc-tls-client-ca-file/,
    );
  });

  it('count gRPC workers beyond the first in the files that connections leave', async () => {
    const most = async (...argv: string[]) => (await settings({ argv, openFiles: 1024 })).maxConnections;
    expect(await most('--workers', '2')).to.equal(1024 - 128 - 32);
    expect(await most('--workers', '2', '--grpc-workers', '3')).to.equal(1024 - 128 - 64);
    const argv = ['--workers', '2', '--grpc-workers', '3', '--max-connections', '900'];
    expect(await refusal({ argv, openFiles: 1024 })).to.include(
      '16 x WORKERS + 16 x (GRPC_WORKERS - 1) = 192',
    );
  });
});
