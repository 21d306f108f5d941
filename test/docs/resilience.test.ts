// Runs the examples of docs/resilience.md as they are written: its routes are declared and requested, and its
// program is run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import type { ServiceDefinition } from '#src/api/service-definition.js';
import { Project } from '#test/support/cli.js';
import { cleanEnvironment } from '#test/support/cluster.js';
import { withApp } from '#test/testing/with-app.js';
import { askIn, examplesOf, expectAnswers } from './examples.js';

const page = readFileSync('docs/resilience.md', 'utf8');
const examples = examplesOf(page);

/** The services that the examples call, as the page describes them. */
const CALLED = `
const smtp = { send: async (to) => { throw Object.assign(new Error('down'), { code: to.includes('@') ? 'ECONNREFUSED' : 'EENVELOPE' }); } };
const render = (what) => '<h1>' + what + '</h1>';
`;

describe('docs/resilience.md', () => {
  const project = new Project({ 'package.json': '{ "type": "module" }' });
  before(() => project.install());
  after(() => project.remove());

  it('has an example for every named resource', () => {
    expect(examples.map(({ title }) => title)).to.deep.equal([
      'A breaker by name',
      'A bulkhead by name',
      'A rate limit by name',
    ]);
  });

  for (const { title, code, turns } of examples) {
    it(`shows real responses: ${title}`, async () => {
      const file = `${title.replaceAll(' ', '-')}.js`;
      project.write(
        file,
        `import { defineService, HttpError } from 'multilane';\n${CALLED}
        export default defineService({ name: 'demo', routes(app, { shared }) {\n${code}} });\n`,
      );
      const { default: demo } = (await import(pathToFileURL(join(project.folder, file)).href)) as {
        default: ServiceDefinition;
      };
      await withApp({ services: [demo] }, (app) => expectAnswers(turns, askIn(app)));
    });
  }

  it('has a program under "Without the server" that prints the output it shows', async () => {
    const section = page.slice(page.indexOf('## Without the server'));
    const files = [...section.matchAll(/^```js\n(\/\/ (\S+)\n[\s\S]*?)^```$/gm)];
    expect(files.map(([, , name]) => name)).to.deep.equal(['main.js', 'worker.js']);
    for (const [, content, name] of files) project.write(name!, content!);
    const [, printed] = /^```text\n([\s\S]*?)^```$/m.exec(section)!;
    const child = spawn(process.execPath, ['main.js'], {
      cwd: project.folder,
      env: cleanEnvironment({}),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
    expect(output).to.equal(printed);
    expect(child.exitCode).to.equal(0);
  });
});
