// Which HTTP core a process runs, in a copy of the package whose uWebSockets.js is broken in some way.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { noBuildOf, thisPlatform } from '#scripts/platform.mjs';
import { addonFile, addonFolder } from '#src/process/addon-hash.js';
import { type Cluster, ROOT, startCluster } from '#test/support/cluster.js';
import { runPrimary } from '#test/support/command.js';

const CONFIG = `import { defineConfig, defineService } from 'multilane';
const hello = defineService({ name: 'hello', routes(app) { app.get('/hello', () => 'hello'); } });
export default defineConfig({ services: [hello] });`;

/** A package with the build of this one, and links to its dependencies. Only uWebSockets.js is a copy. */
function copyOfPackage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'multilane-core-'));
  for (const part of ['package.json', 'scripts', 'dist'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  const [from, to] = [join(ROOT, 'node_modules'), join(folder, 'node_modules')];
  mkdirSync(to);
  for (const name of readdirSync(from))
    if (name !== 'uWebSockets.js') symlinkSync(join(from, name), join(to, name));
  const own = join(to, 'uWebSockets.js');
  mkdirSync(own);
  for (const name of readdirSync(addonFolder()))
    if (!name.endsWith('.node')) cpSync(join(addonFolder(), name), join(own, name));
  cpSync(addonFile(), addonFile(own));
  writeFileSync(join(folder, 'multilane.config.mjs'), CONFIG);
  return folder;
}

describe('the HTTP core of a process', () => {
  let folder: string;
  let entry: readonly string[];
  let config: string;
  const addon = (): string => addonFile(join(folder, 'node_modules/uWebSockets.js'));
  const away = (): string => join(dirname(addon()), 'renamed');
  before(function () {
    this.timeout(60_000);
    if (noBuildOf(thisPlatform()) !== undefined) this.skip();
    folder = copyOfPackage();
    entry = [join(folder, 'dist/primary.js')];
    config = join(folder, 'multilane.config.mjs');
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const served = async (
    env: Readonly<Record<string, string>>,
    test: (cluster: Cluster) => void,
  ): Promise<void> => {
    const cluster = await startCluster({ entry, config, env: { WORKERS: '1', HTTP_CORE: 'auto', ...env } });
    try {
      expect(await (await fetch(`${cluster.url}/hello`)).text()).to.equal('hello');
      test(cluster);
      expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
    } finally {
      await cluster.dispose();
    }
  };
  const coreOf = (cluster: Cluster): unknown => cluster.logs().find(({ msg }) => msg === 'ready')?.httpCore;
  const warningsOf = (cluster: Cluster): readonly unknown[] =>
    cluster
      .logs()
      .filter(({ level }) => Number(level) >= 40)
      .map(({ msg }) => msg);
  const refused = async (httpCore: string) =>
    runPrimary({ entry: entry[0]!, args: ['--config', config], env: { HTTP_CORE: httpCore } });

  it('is uws where it loads', async function () {
    this.timeout(60_000);
    await served({}, (cluster) => {
      expect(coreOf(cluster)).to.equal('uws');
      expect(warningsOf(cluster)).to.deep.equal([]);
    });
  });

  it('is node by HTTP_CORE=node, and nothing of uWebSockets.js is loaded', async function () {
    this.timeout(60_000);
    await served({ HTTP_CORE: 'node' }, (cluster) => {
      expect(coreOf(cluster)).to.equal('node');
      expect(warningsOf(cluster)).to.deep.equal([]);
      const maps = `/proc/${cluster.pid}/maps`;
      if (existsSync(maps)) expect(readFileSync(maps, 'utf8')).to.not.match(/uws_\w+\.node/);
    });
  });

  it('is node, with one warning that says why and what to do, where the file was renamed', async function () {
    this.timeout(60_000);
    renameSync(addon(), away());
    try {
      await served({}, (cluster) => {
        expect(coreOf(cluster)).to.equal('node');
        const warnings = warningsOf(cluster);
        expect(warnings).to.have.length(1);
        expect(warnings[0]).to.match(
          /^the HTTP core node runs, because uWebSockets\.js: uws_\S+ is missing; /,
        );
      });
    } finally {
      renameSync(away(), addon());
    }
  });

  it('is none by HTTP_CORE=uws where the file was renamed: exit 78, and the line names the setting', async () => {
    renameSync(addon(), away());
    try {
      const { code, stderr } = await refused('uws');
      expect(code).to.equal(78);
      expect(stderr).to.match(/^multilane: HTTP_CORE: uws cannot run: .* is missing; .*\n$/);
    } finally {
      renameSync(away(), addon());
    }
  });

  it('is none where the file was changed: another core would hide that', async () => {
    truncateSync(addon(), 1_000_000);
    for (const httpCore of ['auto', 'uws']) {
      const { code, stderr } = await refused(httpCore);
      expect(code).to.equal(1);
      expect(stderr).to.match(/^multilane: uWebSockets\.js: uws_\S+ is not the pinned build; .*\n$/);
    }
  });
});
