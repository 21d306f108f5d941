// The files that `npm publish` would include: those that run a user's project, and none that a project would
// load by mistake.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { cleanEnvironment, ROOT } from './support/cluster.js';

describe('the npm package', () => {
  let files: readonly string[];
  before(() => {
    const text = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: ROOT,
      env: cleanEnvironment(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [packed] = JSON.parse(text) as readonly [{ readonly files: readonly { readonly path: string }[] }];
    files = packed.files.map(({ path }) => path);
  });

  it('does not contain the configuration file of this repository', () => {
    expect(files.filter((path) => /^[^/]*\.config\.[^/]*$/.test(path))).to.deep.equal([]);
  });

  it('contains every file that it names or runs', () => {
    const { bin, scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      readonly bin: Readonly<Record<string, string>>;
      readonly scripts: Readonly<Record<string, string>>;
    };
    const preinstall = scripts.preinstall!.split(' ')[1]!;
    expect(files).to.include.members([
      ...Object.values(bin),
      preinstall,
      'dist/primary.js',
      'dist/workers/http.js',
      'dist/bundle/index.js',
      'dist/bundle/LICENSES.txt',
      'dist/packages/typebox.js',
      'dist/dashboard/index.html',
      'dist/dashboard/LICENSES.txt',
      'template/multilane.config.js',
      'template/ecosystem.config.cjs',
      'deploy/multilane.service',
      'deploy/grafana/multilane.json',
      'deploy/prometheus/multilane-alerts.yml',
    ]);
  });
});
