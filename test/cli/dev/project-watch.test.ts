// That changes of watched files are noticed, on the real file system.
import { renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { ProjectSearch } from '#src/cli/dev/project-search.js';
import { ProjectWatch } from '#src/cli/project-watch.js';
import { Project } from '#test/support/cli.js';
import { until } from '#test/support/until.js';

async function afterTurns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('the watch of a project', () => {
  it('notices every way in which files change, and nothing else', async function () {
    this.timeout(60_000);
    const project = new Project({
      'package.json': '{}',
      'multilane.config.js':
        "import './a/one.js'; new URL('./sql/', import.meta.url); import './b/c/deep.js';",
      'a/one.js': '1',
      'sql/0001.sql': '',
    });
    const { folder } = project;
    const seen: string[] = [];
    const search = new ProjectSearch({
      config: join(folder, 'multilane.config.js'),
      cwd: folder,
      report: (line) => seen.push(line),
    });
    const watch = new ProjectWatch({
      files: () => search.look(),
      changed: (changes) => seen.push(...changes.map(({ file }) => basename(file))),
      failed: (error) => seen.push(String(error)),
    });
    await watch.start();
    const notices = async (file: string, change: () => void): Promise<void> => {
      project.write('README.md', String(Math.random()));
      project.write('a/other.js', '');
      project.write('a/one.js.swp', '');
      change();
      await until(
        () => seen.includes(file),
        (yes) => yes,
      );
      expect(seen.filter((name) => /README|other|swp/.test(name))).to.deep.equal([]);
      seen.length = 0;
    };
    try {
      await notices('one.js', () => project.write('a/one.js', '2'));
      await notices('one.js', () => {
        project.write('a/next', '3');
        renameSync(join(folder, 'a/next'), join(folder, 'a/one.js'));
      });
      await notices('one.js', () => rmSync(join(folder, 'a/one.js')));
      await notices('one.js', () => project.write('a/one.js', '4'));
      await notices('one.js', () => rmSync(join(folder, 'a'), { recursive: true }));
      await notices('one.js', () => project.write('a/one.js', '5'));
      await notices('deep.js', () => project.write('b/c/deep.js', ''));
      await notices('deep.js', () => project.write('b/c/deep.js', "import '../late.js'"));
      await notices('late.js', () => project.write('b/late.js', ''));
      await notices('sql', () => project.write('sql/0002.sql', ''));
      await notices('0002.sql', () => project.write('sql/0002.sql', 'select 1'));
      await notices('.env', () => project.write('.env', 'A=1'));
    } finally {
      await watch.close();
      project.remove();
    }
  });

  /** The watches of the file system that this process has open. */
  const openWatches = (): number =>
    process.getActiveResourcesInfo().filter((name) => /^FSEvent/.test(name)).length;

  for (const [moment, closedAt] of [
    ['begins', 1],
    ['begins to watch further files', 2],
  ] as const) {
    it(`leaves nothing open when it is closed while it ${moment}`, async function () {
      this.timeout(60_000);
      const project = new Project({ 'package.json': '{}', 'a/one.js': '', 'b/two.js': '' });
      const names = ['package.json', 'a/one.js', 'b/two.js'];
      const before = openWatches();
      for (const turns of [0, 1, 2, 4, 8, 16]) {
        let looks = 0;
        let watch: ProjectWatch;
        const closed = new Promise<void>((resolve) => {
          watch = new ProjectWatch({
            // What a look finds is watched from the same turn of the event loop on.
            files: () => {
              looks += 1;
              if (looks === closedAt) void afterTurns(turns).then(() => watch.close().then(resolve));
              const found = names.slice(0, looks + 1).map((name) => join(project.folder, name));
              return new Map(found.map((file) => [file, { stamp: '', reach: 'workers' }]));
            },
            changed: () => undefined,
            failed: (error) => expect.fail(String(error)),
          });
        });
        await watch!.start();
        await closed;
        expect(await until(openWatches, (count) => count <= before), `${turns} turns`).to.equal(before);
      }
      project.remove();
    });
  }
});
