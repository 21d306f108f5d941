// Runs the project of docs/behind-a-proxy.md behind the proxies whose configurations the page shows.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { Project } from '#test/support/cli.js';
import { type Cluster, cleanEnvironment, startCluster } from '#test/support/cluster.js';
import { accepts, freePort } from '#test/support/ports.js';
import { until } from '#test/support/until.js';
import { needs } from '#test/system/three-primaries.js';
import { guideOf } from './guide.js';

interface Proxy {
  readonly program: string;
  readonly file: string;
  readonly arguments: readonly string[];
  /** Puts the ports of this test into the configuration, which it makes one without TLS. */
  adapt(config: string, port: number, server: string): string;
}

const PROXIES: readonly Proxy[] = [
  {
    program: 'caddy',
    file: 'Caddyfile',
    arguments: ['run', '--config', 'Caddyfile'],
    adapt: (config, port, server) =>
      `{\n\tadmin off\n}\n${config.replace('shop.example', `http://127.0.0.1:${port}`).replace('127.0.0.1:8080', server)}`,
  },
  {
    program: 'haproxy',
    file: 'haproxy.cfg',
    arguments: ['-db', '-f', 'haproxy.cfg'],
    adapt: (config, port, server) =>
      config.replace(/bind :443 .*/, `bind 127.0.0.1:${port}`).replace('127.0.0.1:8080', server),
  },
];

describe('docs/behind-a-proxy.md', () => {
  const { files } = guideOf(readFileSync('docs/behind-a-proxy.md', 'utf8'));
  let project: Project;
  let cluster: Cluster;

  before(async () => {
    project = new Project({ 'package.json': '{ "type": "module" }', ...files });
    project.install();
    cluster = await startCluster({
      config: join(project.folder, 'multilane.config.js'),
      env: { WORKERS: '1', DRAIN_MS: '500' },
    });
  });
  after(async () => {
    await cluster?.stop();
    await cluster?.dispose();
    project?.remove();
  });

  for (const proxy of PROXIES) {
    it(`shows a configuration of ${proxy.program} by which clients cannot choose their address`, async function () {
      needs(this, proxy.program);
      const port = await freePort();
      const { host } = new URL(cluster.url);
      project.write(proxy.file, proxy.adapt(files[proxy.file]!, port, host));
      const child = spawn(proxy.program, proxy.arguments, {
        cwd: project.folder,
        env: cleanEnvironment({ HOME: project.folder }),
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const exited = once(child, 'exit');
      const output = text(child.stderr);
      try {
        await until(
          () => accepts(port),
          (isOpen) => isOpen,
        );
        const headers = {
          forwarded: 'for=203.0.113.9;host=evil.example',
          'x-forwarded-for': '203.0.113.9',
          'x-forwarded-host': 'evil.example',
          'x-request-deadline': '1',
        };
        const response = await until(
          async () => await fetch(`http://127.0.0.1:${port}/who`, { headers }),
          ({ status }) => status !== 503,
        );
        const body = await response.text();
        expect(response.status, body).to.equal(200);
        expect(JSON.parse(body)).to.deep.equal({ ip: '127.0.0.1', host: `127.0.0.1:${port}` });
      } catch (error) {
        child.kill('SIGTERM');
        throw new Error(await output, { cause: error });
      } finally {
        child.kill('SIGTERM');
        await exited;
      }
    });
  }
});
