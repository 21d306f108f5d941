// Runs the examples of docs/http.md as they are written: their routes are declared and requested.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import type { Application } from '#src/server/handler.js';
import { bench } from '#test/server/kit.js';
import { examplesOf, expectAnswers } from './examples.js';

/** The module that a project imports as `multilane`. */
const SURFACE = pathToFileURL('dist/index.js').href;
const NAMES = 'HttpError, NotFoundError, Type, cors, csrfGuard, hostGuard, refererGuard, securityHeaders';

describe('docs/http.md', () => {
  const examples = examplesOf(readFileSync('docs/http.md', 'utf8'));
  let base: string;

  before(() => {
    base = mkdtempSync(join(tmpdir(), 'multilane-docs-'));
    mkdirSync(join(base, 'public'));
    writeFileSync(join(base, 'public/hello.txt'), 'hello');
    writeFileSync(join(base, 'public/.env'), 'SECRET');
    writeFileSync(join(base, 'secret.txt'), 'SECRET');
  });
  after(() => rmSync(base, { recursive: true }));

  it('has an example for every part', () => {
    expect(examples.map(({ title }) => title)).to.deep.equal([
      'Routes',
      'Applications of the fetch standard',
      'Groups and hooks',
      'What comes in',
      'What goes out',
      'Guards',
      'OpenAPI',
    ]);
  });

  for (const { title, code, turns } of examples) {
    it(`shows real responses: ${title}`, async () => {
      const module = join(base, `${title.replaceAll(' ', '-')}.mjs`);
      writeFileSync(module, `import { ${NAMES} } from '${SURFACE}';\nexport default (app) => {\n${code}};\n`);
      const { default: declare } = (await import(pathToFileURL(module).href)) as {
        default: (app: Application) => void;
      };
      const { inject } = bench(declare, { configFile: join(base, 'multilane.config.js') });
      await expectAnswers(turns, ({ method, url, headers, body }) => inject({ method, url, headers, body }));
      expect(turns).to.not.have.length(0);
    });
  }
});
