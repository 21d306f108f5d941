// Runs the saga that docs/sagas.md defines, with its service, as they are written.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import type { ServiceDefinition } from '#src/api/service-definition.js';
import { Project } from '#test/support/cli.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { withApp } from '#test/testing/with-app.js';
import { askIn, examplesOf, expectAnswers } from './examples.js';

const [, section = ''] = readFileSync('docs/sagas.md', 'utf8').split(/^(?=## Declaring one$)/m);
const files = [...section.matchAll(/^```(?:js|sql)\n((?:\/\/|--) (\S+)\n[\s\S]*?)^```$/gm)];

describe('docs/sagas.md, declaring one', () => {
  const project = new Project({ 'package.json': '{ "type": "module" }' });
  before(() => project.install());
  after(() => project.remove());

  it('shows real responses', async () => {
    for (const [, content, name] of files) project.write(name!, content!);
    const { accounts } = (await import(pathToFileURL(join(project.folder, 'service.js')).href)) as {
      accounts: ServiceDefinition;
    };
    const turns = examplesOf(section.replace(/^```sql\n[\s\S]*?^```\n/m, '')).flatMap((one) => one.turns);
    expect(turns).to.have.length(3);
    const { url: databaseUrl } = await startTestPostgres();
    for (const { response } of turns) expect(response).to.be.a('string');
    await withApp({ services: [accounts], databaseUrl }, (app) => expectAnswers(turns, askIn(app)));
  });
});
