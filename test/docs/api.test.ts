// docs/api.md says what the doc comments of the source say now, of everything that the package exports, and
// its examples compile.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { readDeclarations } from '#scripts/api-reference/declarations.mjs';
import { apiPage, examplesOf } from '#scripts/api-reference/page.mjs';
import * as surface from '#src/index.js';
import * as testing from '#src/testing.js';
import { compile } from '#test/types/compile.js';
import { blocksIn } from './blocks.js';

const PAGE = 'docs/api.md';

/** What the examples name without declaring it. */
const NAMES = `
import type * as m from 'multilane';
type TextOf = ReturnType<typeof m.Type.String>;
type NumberOf = ReturnType<typeof m.Type.Number>;
type ObjectOf<T extends Record<string, m.TSchema>> = ReturnType<typeof m.Type.Object<T>>;
type Order = ObjectOf<{ quantity: NumberOf }>;
declare global {
  const app: m.Application, ctx: m.Context<{ body: Order }>, shop: m.ServiceDefinition;
  const { db, call, cpu, sagas, metrics, shared, log }: m.ServiceDeps;
  const { transfer }: m.TaskContext;
  const breaker: m.CircuitBreaker, checkout: m.AnySaga, config: m.ProjectConfig;
  const NewOrder: Order, NewNote: ObjectOf<{ text: TextOf }>;
  const orders: m.ServiceDefinition<{ 'GET /api/orders/:id': { response: { 200: Order } } }>;
  const file: string, path: string, url: string, text: string, customerId: string, authorization: string;
  const id: number, limit: number, cents: number, from: number, to: number, width: number;
  const pixels: Uint8Array<ArrayBuffer>, image: Uint8Array, key: string, lastKnown: object;
  const postgres: import('multilane/testing').TestPostgres;
  type GetUserOrdersResponse = { orders: unknown[] };
  function fib(input: { n: number }): number;
  function resize(image: Uint8Array): Promise<void>;
  function sendMail(signal: AbortSignal): Promise<void>;
  function store(data: unknown): Promise<void>;
  function authenticate(ctx: m.Context): void;
  function insertOrder(tx: m.Transaction, order: unknown): Promise<{ id: number }>;
  function ordersOf(db: m.Database, userId: unknown): Promise<object[]>;
  function counted<F>(query: F): F;
  class Hono {
    get(path: string, handler: (c: any) => unknown): this;
    fetch(request: Request): Promise<Response>;
  }
}`;
const IMPORTS = `import { createReadStream } from 'node:fs';
import { Worker, workerData } from 'node:worker_threads';
import assert from 'node:assert';`;

type Example = ReturnType<typeof examplesOf>[number];

/**
 * An example as a module: the comment shows a statement, a member of options, a value of them, or a method.
 */
function moduleOf({ owner, module, member, text }: Example, imports: string): string {
  // A setting is written in the configuration.
  const type = module === undefined ? "import('multilane').ProjectConfig" : `import('${module}').${owner}`;
  if (/^\w+: /.test(text)) return `${imports}\nexport const options: Partial<${type}> = { ${text} };`;
  if (/^routes\(/.test(text)) return `${imports}\nexport default defineService({ name: 'demo', ${text} });`;
  if (/^[{'][\s\S]*[}']$/.test(text)) {
    const whole = member === undefined ? type : `Partial<${type}> | ${type}['${member}']`;
    return `${imports}\nexport const value: ${whole} = ${text};`;
  }
  if (/^export /m.test(text)) return `${imports}\n${text}`;
  return `${imports}\nexport async function example() {\n${text}\n}`;
}

describe('docs/api.md', () => {
  const declarations = readDeclarations();
  const page = readFileSync(PAGE, 'utf8');
  const examples = examplesOf(declarations);

  it('is what the doc comments say now (npm run docs)', () => {
    expect(page === apiPage(declarations), 'docs/api.md is outdated: npm run docs').to.equal(true);
  });

  it('has an entry with a meaning for every export', () => {
    const entries = new Map(
      page.split(/^### /m).map((part) => [part.split('\n')[0]!, part.split('\n\n').slice(1)]),
    );
    const names = [...declarations.exported.keys()];
    expect(names).to.include.members([...Object.keys(surface), ...Object.keys(testing)]);
    expect(names.length).to.be.above(180);
    for (const name of names) {
      const words = (entries.get(name) ?? []).filter((paragraph) => /^[^`#-][^.]* /.test(paragraph));
      expect(words, name).to.not.deep.equal([]);
    }
  });

  it('refuses exports without a section or a comment', () => {
    const stranger = { module: 'multilane', comment: { text: '' } };
    const exported = new Map([...declarations.exported, ['stranger', { ...stranger, name: 'stranger' }]]);
    expect(() => apiPage({ ...declarations, exported }))
      .to.throw('stranger is in no section')
      .with.property('message')
      .that.includes('stranger has no doc comment');
  });

  it('has no code but examples of doc comments, which compile', async function () {
    this.timeout(60_000);
    const texts = examples.map(({ text }) => text);
    const blocks = blocksIn(PAGE);
    expect(blocks.length).to.be.above(20);
    for (const { text, language } of blocks) {
      const indent = /^ */.exec(text)![0];
      const code = text.replaceAll(new RegExp(`^${indent}`, 'gm'), '').trimEnd();
      expect({ language, isExample: texts.includes(code), code }).to.include({
        language: 'ts',
        isExample: true,
      });
    }
    const names = (from: string): readonly string[] =>
      [...declarations.exported].filter(([, { module }]) => module === from).map(([name]) => name);
    const imports = (text: string): string =>
      ['multilane', 'multilane/testing']
        .map((from) => {
          const used = names(from).filter((name) => new RegExp(`\\b${name}\\b`).test(text));
          return `import { ${used.join(', ')} } from '${from}';`;
        })
        .join('\n');
    const files = Object.fromEntries(
      examples.map((example, n) => [
        `example-${n + 1}-${example.owner}.ts`,
        moduleOf(example, `${IMPORTS}\n${imports(`${example.text} defineService`)}`),
      ]),
    );
    const errors = await compile({ 'names.d.ts': NAMES, ...files }, { noImplicitAny: false });
    const described = errors.map(({ file, line, text }) => {
      const code = (file === '' ? '' : (files[file] ?? NAMES)).split('\n')[line - 1];
      return `${file}: ${text.split('\n')[0]}: ${code}`;
    });
    expect(described.join('\n')).to.equal('');
  });
});
