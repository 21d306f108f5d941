import { expect } from 'chai';
import { load, refusal, settings } from './loading.js';

const TOKEN = 'x'.repeat(32);

describe('the check of settings that depend on each other', () => {
  describe('an admin plane that other machines can reach', () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.7', 'admin.example', '128.0.0.1']) {
      it(`requires a token on ${host}`, async () => {
        expect(await refusal({ argv: ['--admin-host', host] })).to.match(
          /^78 --admin-host: .*32 characters$/,
        );
      });
      it(`is accepted with a token on ${host}`, async () => {
        const argv = ['--admin-host', host, '--admin-token', TOKEN];
        expect(await settings({ argv })).to.include({ adminHost: host, adminToken: TOKEN });
      });
    }

    it('requires a token of at least 32 characters', async () => {
      const env = { MULTILANE_ADMIN_HOST: '0.0.0.0', ADMIN_TOKEN: TOKEN.slice(1) };
      expect(await refusal({ env })).to.match(/^78 MULTILANE_ADMIN_HOST: /);
    });

    for (const host of [
      '127.0.0.1',
      '127.9.9.9',
      '::1',
      '[::1]',
      '::ffff:127.0.0.1',
      'localhost',
      'LOCALHOST',
    ]) {
      it(`requires no token on ${host}`, async () => {
        expect((await settings({ argv: ['--admin-host', host] })).adminToken).to.equal(undefined);
      });
    }
  });

  it('refuses the same port for both planes', async () => {
    expect(await refusal({ argv: ['--port', '9901'] })).to.match(/^78 ADMIN_PORT: 9901 /);
    expect(await refusal({ argv: ['--admin-port', '8080'] })).to.match(/^78 --admin-port: 8080 /);
  });

  it('accepts the same port on two addresses, and port 0 for both planes', async () => {
    const two = ['--host', '127.0.0.2', '--port', '9901'];
    expect((await settings({ argv: two })).port).to.equal(9901);
    expect((await settings({ argv: ['--port', '0', '--admin-port', '0'] })).adminPort).to.equal(0);
  });

  it('refuses one path for two routes of the runtime', async () => {
    expect(await refusal({ argv: ['--ready-path', '/health'] })).to.match(
      /^78 --ready-path: \/health is already the path of HEALTH_PATH$/,
    );
    for (const path of ['/docs', '/docs/x', '/openapi.json'])
      expect(await refusal({ argv: ['--health-path', path] })).to.match(
        /^78 --health-path: .*openapi: false/,
      );
    const argv = ['--health-path', 'off', '--ready-path', 'off'];
    expect(await settings({ argv })).to.include({ healthPath: null, readyPath: null });
    expect((await settings({ argv: ['--health-path', '/documents'] })).healthPath).to.equal('/documents');
  });

  it('refuses reuseport where the kernel does not distribute connections', async () => {
    const argv = ['--sharding', 'reuseport'];
    expect((await settings({ argv })).sharding).to.equal('reuseport');
    expect(await refusal({ argv, platform: 'darwin' })).to.match(/^78 --sharding: .*Linux.*darwin/);
    expect((await settings({ platform: 'darwin' })).sharding).to.equal('acceptor');
  });

  it('refuses limits over processes without a registry through which they agree', async () => {
    const argv = ['--rate-limit-scope', 'cluster'];
    for (const registry of ['local', 'http://127.0.0.1:9901']) {
      const wrong = await refusal({ argv: [...argv, '--registry', registry] });
      expect(wrong).to.match(/^78 --rate-limit-scope: .*postgres:\/\/ or etcd:\/\//);
    }
    for (const registry of ['postgres://localhost/mesh', 'postgresql://localhost/mesh', 'etcds://one:2379']) {
      const { rateLimitScope } = await settings({ argv: [...argv, '--registry', registry] });
      expect(rateLimitScope).to.equal('cluster');
    }
  });

  it('warns of a MAX_BODY_BYTES that exceeds the memory for one client', async () => {
    const warnings = async (...argv: string[]): Promise<readonly string[]> => {
      const loaded = await load({ argv });
      return loaded.kind === 'run' ? loaded.warnings : [];
    };
    const [MIB, bodies] = [1024 * 1024, '--max-buffered-body-bytes'];
    expect(await warnings(bodies, String(16 * MIB), '--max-body-bytes', String(7 * MIB))).to.deep.equal([]);
    const [warning] = await warnings(bodies, String(16 * MIB), '--max-body-bytes', String(7 * MIB + 1));
    expect(warning).to.match(/^--max-body-bytes: .*503.*MAX_BUFFERED_BODY_BYTES/);
  });

  it('requires a certificate and its key together, and resolves their paths from the working directory', async () => {
    const argv = ['--tls-cert-file', 'a.crt', '--tls-key-file', '/b.key'];
    expect(await settings({ argv, cwd: '/etc' })).to.include({
      tlsCertFile: '/etc/a.crt',
      tlsKeyFile: '/b.key',
    });
    expect(await refusal({ argv: argv.slice(0, 2) })).to.match(/^78 TLS_KEY_FILE: .*--tls-cert-file/);
    expect(await refusal({ env: { TLS_KEY_FILE: '/b.key' } })).to.match(/^78 TLS_CERT_FILE: .*TLS_KEY_FILE/);
  });

  describe('an advertised address', () => {
    const advertised = (host: string, address: string): string[] => [
      '--host',
      host,
      '--advertise-host',
      address,
    ];

    for (const [host, address] of [
      ['0.0.0.0', '192.0.2.7'],
      ['0.0.0.0', '127.0.0.1'],
      ['::', '192.0.2.7'],
      ['192.0.2.7', '192.0.2.7'],
      ['0.0.0.0', 'shop.example'],
    ] as const) {
      it(`may be ${address} when bound to ${host}`, async () => {
        expect((await settings({ argv: advertised(host, address) })).advertiseHost).to.equal(address);
      });
    }

    for (const [host, address] of [
      ['0.0.0.0', '192.0.2.8'],
      ['0.0.0.0', '::1'],
      ['127.0.0.1', '192.0.2.7'],
    ] as const) {
      it(`may not be ${address} when bound to ${host}`, async () => {
        expect(await refusal({ argv: advertised(host, address) })).to.match(
          /^78 --advertise-host: .*not bound/,
        );
      });
    }
  });
});
