// Tries what pages tell users of other frameworks in prose: how schemas are written, what `shared` has, and
// which modules and compilers a project may have.
import { readdirSync, readFileSync } from 'node:fs';
import { runInThisContext } from 'node:vm';
import { expect } from 'chai';
import { defineService, Type } from 'multilane';
import { createTestApp } from '#src/testing.js';
import { bench } from '#test/server/kit.js';
import { multilane, Project } from '#test/support/cli.js';

/** The text of a page in one line. */
const textOf = (page: string): string => readFileSync(page, 'utf8').replaceAll(/\s+/g, ' ');

/** A value of JavaScript that a page shows. */
const evaluated = (code: string): unknown =>
  (runInThisContext(`(Type) => (${code})`) as (type: typeof Type) => unknown)(Type);

describe('docs/from-fastify.md, schemas', () => {
  const [, before = '', after = ''] =
    /\*\*Schemas are written with `Type`\*\*.*?: `(.*?)` becomes `(.*?)`\./.exec(
      textOf('docs/from-fastify.md'),
    )!;

  it('shows the same schema twice', () => {
    expect(JSON.parse(JSON.stringify(evaluated(after)))).to.deep.equal(evaluated(before));
  });

  it('says which schemas are refused at the start', () => {
    const declare = (body: object): unknown =>
      bench((app) => app.post('/', { body: body as never }, () => 'text'));
    declare(evaluated(after) as object);
    const schema = evaluated(before) as object;
    for (const refused of [schema, Type.Unsafe(schema)]) expect(() => declare(refused)).to.throw(/POST \/: /);
  });
});

describe('the pages about shared', () => {
  const pages = readdirSync('docs').filter((name) => name.endsWith('.md') && name !== 'roadmap.md');

  it('name only what it has', async () => {
    let members: string[] = [];
    const service = defineService({
      name: 'any',
      routes(_app, { shared }) {
        members = Object.keys(shared);
      },
    });
    const app = await createTestApp({ services: [service] });
    await app.close();
    expect(members).to.not.have.length(0);
    for (const page of pages) {
      const text = textOf(`docs/${page}`);
      for (const [, name] of text.matchAll(/\bshared\.([a-z]\w*)\(?/g))
        expect(members, page).to.include(name);
      for (const [sentence] of text.matchAll(/[^.;]*\[`shared`\]\(resilience[^.;]*/g))
        expect(sentence, page).to.not.match(/\b(lock|counter|cache|store|value)s?\b/);
    }
  });
});

describe('docs/faq.md, CommonJS', () => {
  it('says that a configuration and its services may be CommonJS', async () => {
    expect(textOf('docs/faq.md')).to.include("`require('multilane')` works");
    const project = new Project({
      'package.json': '{ "type": "commonjs" }',
      'service.js': `const { defineService } = require('multilane');
        exports.demo = defineService({ name: 'demo', routes(app) { app.get('/old', () => 'text'); } });`,
      'multilane.config.js': `const { defineConfig } = require('multilane');
        module.exports = defineConfig({ services: [require('./service.js').demo] });`,
    });
    project.install();
    try {
      const { stdout, stderr, code } = await multilane(['routes'], { cwd: project.folder });
      expect(code, stderr).to.equal(0);
      expect(stdout).to.match(/GET +\/old +demo/);
    } finally {
      project.remove();
    }
  });
});

describe('docs/typescript.md, the compiler', () => {
  /** The versions of TypeScript that brought the younger options of tsconfig.json; all others are older. */
  const SINCE: Readonly<Record<string, number>> = {
    target: 5, // for es2023
    module: 4.7,
    types: 1,
    strict: 2.3,
    verbatimModuleSyntax: 5,
    rewriteRelativeImportExtensions: 5.7,
    erasableSyntaxOnly: 5.8,
    noUncheckedIndexedAccess: 4.1,
    exactOptionalPropertyTypes: 4.4,
    noImplicitOverride: 4.3,
    noImplicitReturns: 1.8,
    noFallthroughCasesInSwitch: 1.8,
    noEmit: 1,
    skipLibCheck: 2,
  };

  it('is as new as the options of a new project need', () => {
    const template = readFileSync('template/ts/tsconfig.json', 'utf8');
    const options = [...template.matchAll(/^ {4}"(\w+)":/gm)].map(([, name]) => name!);
    expect(SINCE).to.include.keys(options);
    const [, version] = /\(TypeScript (\d\.\d) or later\)/.exec(textOf('docs/typescript.md'))!;
    expect(Number(version)).to.equal(Math.max(...options.map((name) => SINCE[name]!)));
  });
});
