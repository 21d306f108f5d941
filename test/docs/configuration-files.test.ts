// The configurations of other programs on the pages: those programs accept them.
import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { Project } from '#test/support/cli.js';
import { needs } from '#test/system/three-primaries.js';
import { blockOf } from './blocks.js';

/** What a file of HAProxy has around a rule of a frontend. */
const FRONTEND = (rule: string): string => `defaults
  mode http
  timeout client 1s
  timeout connect 1s
  timeout server 1s
frontend all
  bind 127.0.0.1:8443
  ${rule}
backend orders
  server one 127.0.0.1:8080
`;

describe('the configurations of other programs on the pages', () => {
  const project = new Project();
  after(() => project.remove());

  const accepted = (program: string, args: readonly string[], file: string): void => {
    const { status, stdout, stderr } = spawnSync(program, [...args, file], {
      cwd: project.folder,
      encoding: 'utf8',
    });
    expect(status, stdout + stderr).to.equal(0);
  };

  it('are accepted by Prometheus', function () {
    needs(this, 'promtool');
    const texts = [
      blockOf('docs/operations.md', '# prometheus.yml'),
      blockOf('docs/deployment.md', '# prometheus.yml'),
    ];
    for (const text of texts) {
      project.write('prometheus.yml', text);
      accepted('promtool', ['check', 'config', '--syntax-only'], 'prometheus.yml');
    }
  });

  it('are accepted by HAProxy', function () {
    needs(this, 'haproxy');
    project.write('haproxy.cfg', FRONTEND(blockOf('docs/scaling.md', 'use_backend orders')));
    accepted('haproxy', ['-c', '-f'], 'haproxy.cfg');
  });
});
