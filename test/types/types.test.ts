// What the types say to a user: the compiler reports each mistake of the files mistakes-of-*.ts where it was
// made, in words that lead to it, and accepts the declarations of the package whatever the options of the
// project are.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '#test/support/cluster.js';
import { type CompilerError, compile } from './compile.js';
import { pageFragments } from './page-fragments.js';

const EXPECTED = /^\s*\/\/ @ts-expect-error (.*)$/;
const read = (name: string): string => readFileSync(join(ROOT, 'test/types', name), 'utf8');

const MISTAKES = ['mistakes-of-routes.ts', 'mistakes-of-calls.ts', 'mistakes-of-sagas.ts'];
const CORRECT = ['equal.ts', 'correct-routes.ts', 'correct-calls.ts', 'correct-sagas.ts'];

/** The file with its mistakes as a user makes them: nothing announces them. */
const unannounced = (text: string): string =>
  text
    .split('\n')
    .map((line) => (EXPECTED.test(line) ? '' : line))
    .join('\n');

interface Announced {
  /** The line above the mistake. */
  readonly line: number;
  readonly message: string;
}

const announcedIn = (text: string): readonly Announced[] =>
  text.split('\n').flatMap((line, n) => {
    const message = EXPECTED.exec(line)?.[1];
    return message === undefined ? [] : [{ line: n + 1, message }];
  });

/** The examples of the section "Types" in docs/services.md, each a module. */
const examples = Object.fromEntries(
  [
    ...readFileSync(join(ROOT, 'docs/services.md'), 'utf8')
      .split('\n## Types\n')[1]!
      .split('\n## ')[0]!
      .matchAll(/^```ts\n([\s\S]*?)^```$/gm),
  ].map(([, code = ''], n) => [`example-${n + 1}.ts`, code]),
);

/** Everything that the package declares is in the program, so that its declarations are checked as well. */
const CORRECT_FILES = {
  ...Object.fromEntries(CORRECT.map((name) => [name, read(name)])),
  ...examples,
  'all.ts': "export * from 'multilane';\nexport * as testing from 'multilane/testing';\n",
};

describe('the types of the package', () => {
  let errors: readonly CompilerError[];
  before(async function () {
    this.timeout(60_000);
    const mistakes = Object.fromEntries(MISTAKES.map((name) => [name, unannounced(read(name))]));
    errors = await compile(
      { ...mistakes, ...CORRECT_FILES, ...(await pageFragments()) },
      { skipLibCheck: false },
    );
  });

  for (const name of MISTAKES) {
    const announced = announcedIn(read(name));
    for (const [n, { line, message }] of announced.entries()) {
      const next = announced[n + 1]?.line ?? Number.POSITIVE_INFINITY;
      it(`report the mistake at line ${line + 1} of ${name}: ${message}`, () => {
        const found = errors.filter((error) => error.file === name && error.line > line && error.line < next);
        expect(found.map(({ text }) => text).join('\n')).to.include(message);
      });
    }
  }

  it('report nothing else', () => {
    const count = MISTAKES.flatMap((name) => announcedIn(read(name))).length;
    expect(errors, JSON.stringify(errors, null, 2)).to.have.length(count);
  });

  it('accept correct programs, and the examples of docs/services.md, in a project with exactOptionalPropertyTypes', async function () {
    this.timeout(60_000);
    const options = { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false };
    expect(await compile(CORRECT_FILES, options)).to.deep.equal([]);
  });
});
