// Runs the examples of docs/database.md as they are written: its table is created, its routes are declared
// and requested.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import type { ServiceDefinition } from '#src/api/service-definition.js';
import { Project } from '#test/support/cli.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { withApp } from '#test/testing/with-app.js';
import { askIn, examplesOf, expectAnswers } from './examples.js';

const page = readFileSync('docs/database.md', 'utf8');
const [, migration, file] = /^```sql\n(-- (\S+)\n[\s\S]*?)^```$/m.exec(page)!;

describe('docs/database.md', () => {
  const examples = examplesOf(page);
  const project = new Project({ 'package.json': '{ "type": "module" }', [file!]: migration! });
  before(() => project.install());
  after(() => project.remove());

  it('has an example for every part of a service', () => {
    expect(examples.map(({ title }) => title)).to.deep.equal([
      'One row, many, or none',
      'What else a statement can throw',
      'Values',
      'Transactions',
      'Effects that happen once',
    ]);
    expect(page.match(/^```js$/gm)).to.have.length(examples.length);
  });

  for (const [index, { title, code, turns }] of examples.entries()) {
    it(`shows real responses: ${title}`, async () => {
      project.write(
        `service${index}.js`,
        `import { BusinessError, defineService, isUniqueViolation, OutcomeUnknownError } from 'multilane';
        export default defineService({
          name: 'notes', migrations: new URL('./migrations/', import.meta.url), routes(app, { db }) {\n${code}} });\n`,
      );
      const module = pathToFileURL(join(project.folder, `service${index}.js`)).href;
      const { default: notes } = (await import(module)) as { default: ServiceDefinition };
      const { url: databaseUrl } = await startTestPostgres();
      await withApp({ services: [notes], databaseUrl }, (app) => expectAnswers(turns, askIn(app)));
    });
  }
});
