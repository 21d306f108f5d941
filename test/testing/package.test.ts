// The package as a project installs it: the files that npm would pack, and the types.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { expect } from 'chai';
import { withoutComments } from '#test/architecture/source.js';
import { Project } from '#test/support/cli.js';
import { ROOT } from '#test/support/cluster.js';

const run = (command: string, args: readonly string[], cwd: string): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const RELATIVE = /\b(?:from|import\()\s*['"](\.[^'"]*)['"]/g;

describe('the package', () => {
  it('contains the test kit, its types and everything that it loads', () => {
    const [packed] = JSON.parse(run('npm', ['pack', '--dry-run', '--json'], ROOT)) as [
      { files: { path: string }[] },
    ];
    const paths = new Set(packed.files.map(({ path }) => path));
    const wanted = ['dist/bundle/testing.js', 'dist/testing.d.ts'];
    const seen = new Set<string>();
    for (let file = wanted.pop(); file !== undefined; file = wanted.pop()) {
      if (seen.has(file)) continue;
      seen.add(file);
      expect(paths.has(file), file).to.equal(true);
      const from = posix.dirname(file);
      const types = file.endsWith('.d.ts');
      for (const [, path] of withoutComments(readFileSync(join(ROOT, file), 'utf8')).matchAll(RELATIVE)) {
        wanted.push(posix.join(from, types ? path!.replace(/\.js$/, '.d.ts') : path!));
      }
    }
    expect(seen.size).to.be.greaterThan(50);
    // These files are loaded by URL.
    expect([...paths]).to.include.members(['dist/workers/task.js', 'dist/testing/tethered.js']);
  });

  it('has types for tests in TypeScript', () => {
    const project = new Project({
      'package.json': '{ "type": "module" }',
      'tsconfig.json': JSON.stringify({
        compilerOptions: {
          strict: true,
          exactOptionalPropertyTypes: true,
          module: 'nodenext',
          target: 'esnext',
          types: ['node'],
          typeRoots: [join(ROOT, 'node_modules/@types')],
          noEmit: true,
          skipLibCheck: true,
        },
      }),
      'app.test.ts': `
        import { defineService } from 'multilane';
        import { createTestApp, startCluster, startPostgres, type TestApp } from 'multilane/testing';
        const demo = defineService({ name: 'demo', routes: (app) => app.get('/', () => 1) });
        await using postgres = await startPostgres();
        await using app: TestApp = await createTestApp({
          services: [demo],
          databaseUrl: postgres.url,
          deps: { demo: { db: { many: async () => [] }, call: () => ({}) } },
        });
        const body: { a: number } = (await app.inject({ path: '/', query: { a: 1 } })).json<{ a: number }>();
        // @ts-expect-error the option does not exist
        await app.inject({ path: '/', payload: body });
        await using cluster = await startCluster({ settings: { workers: 1 } });
        const url: string = cluster.url;
        export { url };`,
    });
    project.install();
    try {
      run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc')], project.folder);
    } catch (error) {
      throw new Error((error as { stdout: string }).stdout, { cause: error });
    } finally {
      project.remove();
    }
  });

  it('starts nothing when the test kit is imported, not even the HTTP core', () => {
    const code = `
      await import('multilane/testing');
      await new Promise((resolve) => setTimeout(resolve, 0)); // lets files that were read close
      const active = process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap'); // stdout, which the filter reads
      const { sharedObjects } = process.report.getReport();
      console.log(JSON.stringify({ active, core: sharedObjects.filter((path) => path.includes('uws_')) }));`;
    const told = run(process.execPath, ['--input-type=module', '-e', code], ROOT);
    expect(JSON.parse(told)).to.deep.equal({ active: [], core: [] });
  });
});
