import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { multilane, Project } from '#test/support/cli.js';
import { cleanEnvironment, ROOT } from '#test/support/cluster.js';

/** Time for everything after the drain. */
const ENDS_MS = 3_000;

interface Pm2Configuration {
  readonly name: string;
  readonly script: string;
  readonly args?: string;
  readonly cwd: string;
  readonly kill_timeout: number;
}

/** The configuration, as pm2 reads it. */
function configurationIn(folder: string, env: Readonly<Record<string, string>> = {}): Pm2Configuration {
  const file = JSON.stringify(join(folder, 'ecosystem.config.cjs'));
  const print = `console.log(JSON.stringify(require(${file}).apps[0]))`;
  const text = execFileSync(process.execPath, ['-e', print], {
    env: cleanEnvironment(env),
    encoding: 'utf8',
  });
  return JSON.parse(text) as Pm2Configuration;
}

/** The settings that the script that pm2 would run prints. */
const checkOf = ({ script, args, cwd }: Pm2Configuration): string =>
  execFileSync(process.execPath, [resolve(cwd, script), ...(args?.split(' ') ?? []), '--check'], {
    cwd,
    env: cleanEnvironment(),
    encoding: 'utf8',
  });

describe('the pm2 configuration', () => {
  for (const [env, longestMs] of [
    [{}, 10_000],
    [{ DRAIN_MS: '30000' }, 30_000],
    [{ DRAIN_MS: '1', MULTILANE_DRAIN_MS: '20000', DRAIN_NOTICE_MS: '5000' }, 25_000],
  ] as const) {
    it(`lets pm2 wait longer than a stop takes before it kills the process: ${JSON.stringify(env)}`, () => {
      expect(configurationIn(ROOT, env).kill_timeout).to.be.greaterThan(longestMs + ENDS_MS);
    });
  }

  it('of this repository runs the reference shop with the configuration file of the repository', () => {
    const configuration = configurationIn(ROOT);
    expect(configuration).to.deep.include({ name: 'multilane', script: 'dist/primary.js' });
    expect(checkOf(configuration))
      .to.match(/^services to mount +users,orders,payments,checkout$/m)
      .and.include(join(ROOT, 'multilane.config.mjs'));
  });

  for (const [language, config] of [
    ['--ts', 'dist/multilane.config.js'],
    ['--js', 'multilane.config.js'],
  ] as const) {
    it(`of a new project runs that project, under its name: ${language}`, async () => {
      const project = new Project();
      const folder = join(project.folder, 'web-shop');
      try {
        await multilane(['new', 'web-shop', language], { cwd: project.folder });
        project.install(folder);
        if (language === '--ts') {
          project.installTypeScript(folder);
          expect(await multilane(['build'], { cwd: folder })).to.include({ code: 0 });
        }
        const configuration = configurationIn(folder);
        const { kill_timeout: killMs } = configurationIn(ROOT);
        expect(configuration).to.deep.include({ name: 'web-shop', kill_timeout: killMs });
        expect(checkOf(configuration))
          .to.match(/^services to mount +hello$/m)
          .and.include(join(realpathSync(folder), config));
      } finally {
        project.remove();
      }
    }).timeout(30_000);
  }
});
