// That changes of watched files are noticed, on the real file system.
import { renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { ProjectSearch } from '#src/cli/dev/project-search.js';
import { ProjectWatch } from '#src/cli/project-watch.js';
import { Project } from '#test/support/cli.js';
import { until } from '#test/support/until.js';

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
});
