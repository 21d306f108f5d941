// A new project in TypeScript, as a user has it after `npm install`: its npm scripts, and its files for
// systemd.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { closePlanes, plane } from '#test/admin/admin-fixture.js';
import { multilane, Project, type Ran } from '#test/support/cli.js';
import { CLI, cleanEnvironment, ROOT, within } from '#test/support/cluster.js';
import { markPending } from '#test/support/pending.js';

/** Runs the text of a script of package.json as npm does. */
async function npmScript(folder: string, name: string): Promise<{ code: number; output: string }> {
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const env = cleanEnvironment({
    PATH: `${join(folder, 'node_modules/.bin')}:${process.env.PATH}`,
    NODE_V8_COVERAGE: '',
    NO_COLOR: '1',
  });
  return promisify(execFile)('sh', ['-c', scripts[name]!], { cwd: folder, env }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      code,
      output: stdout + stderr,
    }),
  );
}

describe('a new project in TypeScript', () => {
  const project = new Project();
  const folder = join(project.folder, 'web-shop');
  let made: Ran;
  before(async () => {
    made = await multilane(['new', 'web-shop'], { cwd: project.folder });
    project.install(folder);
    project.installTypeScript(folder);
  });
  after(() => project.remove());

  it('is what `new` writes without a flag and without a terminal', () => {
    expect(made).to.include({ code: 0, stderr: '' });
    expect(made.stdout).to.include('a new project in TypeScript');
    for (const name of ['multilane.config.ts', 'tsconfig.json', '.gitignore', '.dockerignore'])
      expect(existsSync(join(folder, name)), name).to.equal(true);
    for (const name of [
      'package.json',
      'README.md',
      'Dockerfile',
      'ecosystem.config.cjs',
      'web-shop.service',
    ])
      expect(readFileSync(join(folder, name), 'utf8'), name)
        .to.include('web-shop')
        .and.not.include('{{');
  }).timeout(10_000);

  it('has types without errors', async function () {
    this.timeout(60_000);
    expect(await npmScript(folder, 'typecheck')).to.deep.equal({ code: 0, output: '' });
  });

  it('has tests that pass: they are built, inject requests, and start the process', async function () {
    this.timeout(90_000);
    const { code, output } = await npmScript(folder, 'test');
    expect(code, output).to.equal(0);
    expect(output).to.match(/^(#|ℹ) pass 8$/m);
  });

  it('starts what was built, and says so when nothing was', async function () {
    this.timeout(60_000);
    const check = ['start', '--config', 'dist/multilane.config.js', '--check'];
    const missing = await multilane(check, { cwd: folder });
    expect(missing).to.include({ code: 78, stdout: '' });
    expect(missing.stderr).to.include(
      'there is no file dist/multilane.config.js; build it: npx multilane build',
    );
    expect((await npmScript(folder, 'build')).code).to.equal(0);
    const checked = await multilane(check, { cwd: folder });
    expect(checked.stdout, checked.stderr).to.match(/^services to mount +hello$/m);
  });

  it('has commands for operators that work on every Node.js once it is built', async function () {
    this.timeout(60_000);
    if (!existsSync(join(folder, 'dist'))) expect((await npmScript(folder, 'build')).code).to.equal(0);
    const { port } = await plane([
      { method: 'GET', path: '/workers', handler: () => ({ status: 200, json: [] }) },
    ]);
    try {
      const run = await multilane(['ps', '--json'], { cwd: folder, env: { ADMIN_PORT: String(port) } });
      expect(run, run.stderr).to.include({ code: 0, stdout: '[]\n' });
      expect(run.stderr).to.match(/^(multilane: Node\.js .* that of dist\/multilane\.config\.js\n)?$/);
    } finally {
      await closePlanes();
    }
  });

  it('has a unit that systemd accepts, and that runs the built project', async function () {
    this.timeout(60_000);
    const unit = readFileSync(join(folder, 'web-shop.service'), 'utf8');
    expect(unit).to.match(
      /^ExecStart=\/usr\/bin\/node node_modules\/multilane\/dist\/primary\.js --config dist\/multilane\.config\.js$/m,
    );
    const ours = readFileSync(join(ROOT, 'deploy/multilane.service'), 'utf8');
    const settings = (text: string): string => text.replaceAll(/^(#|ExecStart=).*\n/gm, '');
    expect(settings(unit)).to.equal(settings(ours));
    if (spawnSync('systemd-analyze', ['--version']).status !== 0)
      markPending(this, 'systemd-analyze is not installed');
    const { stderr } = spawnSync(
      'systemd-analyze',
      ['verify', '--recursive-errors=no', join(folder, 'web-shop.service')],
      { encoding: 'utf8' },
    );
    const complaints = stderr
      .split('\n')
      .filter((line) => /web-shop\.service.*(Unknown|Invalid|Failed)/i.test(line));
    expect(complaints).to.deep.equal([]);
  });
});

describe('multilane new on a terminal', () => {
  const project = new Project();
  after(() => project.remove());

  /** Types an answer when the question is there. @returns the exit code */
  async function answered(context: Mocha.Context, dir: string, answer: string, env = {}): Promise<unknown> {
    if (spawnSync('script', ['--version']).status !== 0) markPending(context, 'script is not installed');
    const command = `exec ${process.execPath} ${CLI} new ${dir}`;
    const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      cwd: project.folder,
      env: cleanEnvironment(env),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const isAsked = !text.includes('[TypeScript]');
      text += chunk;
      if (isAsked && text.includes('[TypeScript]')) child.stdin.write(answer);
    });
    try {
      const [code] = (await within(20_000, once(child, 'exit'), () => text)) as [number];
      return code;
    } finally {
      child.kill('SIGKILL');
    }
  }
  const has = (path: string): boolean => existsSync(join(project.folder, path));

  it('asks for the language: Enter is TypeScript, and Ctrl-C writes nothing', async function () {
    this.timeout(60_000);
    expect(await answered(this, 'one', '\r')).to.equal(0);
    expect(has('one/multilane.config.ts')).to.equal(true);
    expect(await answered(this, 'two', 'js\r')).to.equal(0);
    expect(has('two/multilane.config.js')).to.equal(true);
    expect(await answered(this, 'three', '\x03')).to.equal(1);
    expect(has('three')).to.equal(false);
  });

  it('does not ask in CI', async function () {
    this.timeout(30_000);
    expect(await answered(this, 'four', '', { CI: 'true' })).to.equal(0);
    expect(has('four/multilane.config.ts')).to.equal(true);
  });

  it('writes JavaScript with --js, of which nothing has to be built', async () => {
    expect(await multilane(['new', 'six', '--js'], { cwd: project.folder })).to.include({ code: 0 });
    const built = await multilane(['build'], { cwd: join(project.folder, 'six') });
    expect(built).to.include({ code: 0, stderr: '' });
    expect(built.stdout).to.match(/^multilane\.config\.js is no TypeScript.*\n {2}npx multilane start\n$/);
    expect(has('six/dist')).to.equal(false);
  }).timeout(20_000);

  it('refuses --ts together with --js', async () => {
    expect(await multilane(['new', 'five', '--ts', '--js'], { cwd: project.folder })).to.include({ code: 2 });
  });
});
