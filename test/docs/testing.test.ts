import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import * as kit from '#src/testing.js';
import { Project } from '#test/support/cli.js';
import { nodeTest } from '#test/support/node-test.js';

const page = readFileSync('docs/testing.md', 'utf8');
/** The `js` blocks whose first line names a file. */
const files = [...page.matchAll(/^```js\n(\/\/ (\S+)\n[\s\S]*?)^```$/gm)].map(([, text, name]) => ({
  name: name!,
  text: text!,
}));

describe('docs/testing.md', () => {
  it('holds a project whose tests pass', async () => {
    const project = new Project({
      'package.json': '{ "type": "module" }',
      'migrations/0001_orders.sql': 'create table orders (id bigint primary key, item text not null);',
    });
    project.install();
    for (const { name, text } of files) project.write(name, text);
    const tests = files.filter(({ name }) => name.endsWith('.test.js'));
    // The tests run in one process, which is quicker.
    project.write('all.js', tests.map(({ name }) => `import './${name}';\n`).join(''));
    try {
      const { code, output } = await nodeTest(project.folder, ['all.js']);
      expect(code, output).to.equal(0);
      const passed = tests.flatMap(({ text }) => text.match(/^test\(/gm) ?? []).length;
      expect(output).to.match(new RegExp(`^# pass ${passed}$`, 'm'));
    } finally {
      project.remove();
    }
  });

  it('names every export of the test kit', () => {
    for (const name of Object.keys(kit)) expect(page, name).to.match(new RegExp(`\\b${name}\\b`));
  });
});
