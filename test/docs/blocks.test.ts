// Every fenced block of the pages is run or checked by a test, or explained here.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Block, blocksIn, PAGES } from './blocks.js';
import { commandsIn, faultOf } from './command-lines.js';
import { examplesOf } from './examples.js';
import { blockName, GUIDES } from './guide.js';

/** Blocks of a kind that a test takes from its page. */
interface Rule {
  /** The test, and what it has in it of these pages. */
  readonly test: string;
  readonly mentions: string;
  readonly page: RegExp;
  readonly takes: (block: Block) => boolean;
}

const isExample = ({ page, text, language }: Block): boolean =>
  language === 'http' || examplesOf(readFileSync(page, 'utf8')).some(({ code }) => code === text);
const isOf =
  (...languages: readonly string[]) =>
  ({ language }: Block): boolean =>
    languages.includes(language);
const isFile = ({ text }: Block): boolean => blockName(text) !== undefined;
const below =
  (title: string, takes: (block: Block) => boolean) =>
  (block: Block): boolean =>
    block.title === title && takes(block);

const rule = (test: string, mentions: string, page: RegExp, takes: Rule['takes']): Rule => ({
  test,
  mentions,
  page,
  takes,
});

/** The examples whose READMEs these tests follow. */
const EXAMPLES = {
  'test/system/examples.test.ts': [
    'chat',
    'express-unchanged',
    'fastify-unchanged',
    'feed',
    'fractal',
    'hello',
    'hono',
    'notes',
    'travel',
    'typescript',
    'upload',
  ],
  'test/system/examples-deployed.test.ts': ['pm2', 'systemd'],
  'test/system/examples-gateway.test.ts': ['gateway'],
};

const RULES: readonly Rule[] = [
  rule(
    'test/docs/guides.test.ts',
    'GUIDES',
    new RegExp(`^(?:${Object.keys(GUIDES).join('|')})$`),
    (block) => block.language === 'http' || isFile(block),
  ),
  rule('test/docs/http.test.ts', 'docs/http.md', /docs\/http\.md/, isExample),
  rule('test/docs/database.test.ts', 'docs/database.md', /docs\/database\.md/, isExample),
  rule('test/docs/database.test.ts', 'docs/database.md', /docs\/database\.md/, isOf('sql')),
  rule('test/docs/resilience.test.ts', 'docs/resilience.md', /docs\/resilience\.md/, isExample),
  rule(
    'test/docs/resilience.test.ts',
    'docs/resilience.md',
    /docs\/resilience\.md/,
    below('Without the server', isOf('js', 'text')),
  ),
  rule(
    'test/docs/saga-definition.test.ts',
    'docs/sagas.md',
    /docs\/sagas\.md/,
    below('Declaring one', isOf('js', 'sql', 'http')),
  ),
  rule('test/docs/testing.test.ts', 'docs/testing.md', /docs\/testing\.md/, isFile),
  rule('test/docs/shell-blocks.test.ts', 'docs/admin-json.md', /docs\/admin-json\.md/, isOf('')),
  rule('test/docs/grpc.test.ts', 'docs/grpc.md', /docs\/grpc\.md/, isFile),
  rule('test/docs/tutorial.long.ts', 'docs/tutorial.md', /docs\/tutorial\.md/, () => true),
  rule('test/docs/readme.test.ts', 'README.md', /^README\.md/, below('The reference shop', isOf('sh'))),
  rule('test/docs/services.test.ts', 'docs/services.md', /docs\/services\.md/, ({ text }) =>
    text.includes('scope: ctx.'),
  ),
  rule('test/types/types.test.ts', 'docs/services.md', /docs\/services\.md/, below('Types', isOf('ts'))),
  rule('test/docs/api.test.ts', 'docs/api.md', /docs\/api\.md/, isOf('ts')),
  rule('test/docs/mcp.test.ts', 'docs/mcp.md', /docs\/mcp\.md/, isOf('json')),
  rule('test/docs/debugging.test.ts', 'docs/debugging.md', /docs\/debugging\.md/, isOf('sh', 'json')),
  rule('test/deploy/several-processes.test.ts', 'docs/metrics.md', /docs\/metrics\.md/, isOf('promql')),
  ...Object.entries(EXAMPLES).flatMap(([test, names]) =>
    names.map((name) => rule(test, `'${name}'`, new RegExp(`^examples/${name}/`), isOf('sh'))),
  ),
];

/** Blocks that no test runs: the beginning of each by its page, and the reason. */
const EXPLAINED: readonly (readonly [page: string, begins: string, why: string])[] = [
  ['docs/architecture.md', 'flowchart', 'a picture'],
  ['docs/architecture.md', 'sequenceDiagram', 'a picture'],
  ['docs/one-brain.md', 'flowchart', 'a picture'],
  ['README.md', '                    connections', 'a picture'],
  ['docs/resilience.md', 'call ──►', 'a picture'],
  ['README.md', 'multilane ready ', 'an output, which every test of a process waits for'],
  ['docs/cli.md', 'multilane dev: services/', 'an output; test/cli/dev/change-loop.test.ts has it'],
  ['docs/cli.md', 'multilane dev: types:', 'an output; test/cli/dev/type-check.test.ts has it'],
  ['docs/http.md', 'GET /things/:id', 'messages; test/server has them'],
  ['docs/metrics.md', 'http_server_request', 'a line that is cut'],
  ['docs/cluster.md', '{"level":40', 'lines of a log; test/telemetry/flight-record-log.test.ts has them'],
  ['docs/cluster.md', '{"level":60', 'a line of a log; test/flight-record/killed-process.test.ts has it'],
  ['docs/mcp.md', 'export ADMIN_TOKEN=…', 'needs a program of another vendor'],
  ['docs/deployment.md', 'cp -r . /opt/shop', 'needs root; test/system/systemd.test.ts runs the unit'],
  ['examples/systemd/README.md', '$ sudo', 'needs root; test/system/systemd.test.ts runs the unit'],
  [
    'examples/one-brain/README.md',
    '      ',
    'figures of a run, which test/system/one-brain.test.ts compares',
  ],
];

const TESTS = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => join('test', path));

/** The beginnings of the blocks that tests get by `blockOf`, each behind its page. */
function named(): ReadonlySet<string> {
  const call = /blockOf\(\s*'([^']+)',\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g;
  const found = TESTS.flatMap((path) => [...readFileSync(path, 'utf8').matchAll(call)]).map(
    ([, page, single, double]) =>
      `${page} ${(single ?? double ?? '').replaceAll('\\n', '\n').replaceAll(/\\(.)/g, '$1')}`,
  );
  return new Set(found);
}

const areLookedUp = ({ page, language, text }: Block): boolean =>
  language === 'sh' && commandsIn(text).every((words) => faultOf(words, page) !== undefined);

describe('the code blocks of the pages', () => {
  const blocks = PAGES.flatMap(blocksIn);
  const beginnings = [...named()];
  const isNamed = ({ page, text }: Block): boolean =>
    beginnings.some((one) => `${page} ${text}`.startsWith(one));
  const isExplained = ({ page, text }: Block): boolean =>
    EXPLAINED.some(([where, begins]) => where === page && text.startsWith(begins));

  it('are each run or checked by a test, or explained', () => {
    expect(blocks.length).to.be.above(200);
    const untested = blocks.filter(
      (block) =>
        !isNamed(block) &&
        !isExplained(block) &&
        !areLookedUp(block) &&
        !RULES.some(({ page, takes }) => page.test(block.page) && takes(block)),
    );
    expect(untested.map(({ page, line, text }) => `${page}:${line}: ${text.split('\n')[0]}`)).to.deep.equal(
      [],
    );
  });

  it('are all found: each fence of a page begins or ends one', () => {
    for (const page of PAGES) {
      const fences = readFileSync(page, 'utf8').match(/^ *(?:```|~~~)/gm) ?? [];
      expect(blocksIn(page), page).to.have.length(fences.length / 2);
    }
  });

  it('are taken by the tests that are named here, and the explained ones exist', () => {
    for (const { test, mentions, page, takes } of RULES) {
      expect(readFileSync(test, 'utf8'), test).to.include(mentions);
      expect(
        blocks.filter((block) => page.test(block.page) && takes(block)),
        test,
      ).to.not.deep.equal([]);
    }
    for (const [page, begins] of EXPLAINED)
      expect(
        blocks.filter((block) => block.page === page && block.text.startsWith(begins)),
        begins,
      ).to.have.length(1);
  });

  it('have commands, flags, settings and files that exist', () => {
    const faults = blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ page, line, text }) =>
        commandsIn(text).map((words) => [`${page}:${line}: ${words.join(' ')}`, faultOf(words, page) ?? '']),
      );
    expect(faults.filter(([, fault]) => fault !== '')).to.deep.equal([]);
    expect(faults.length).to.be.above(80);
  });

  it('are valid where they are JSON', () => {
    for (const { page, line, text } of blocks.filter(({ language }) => language === 'json'))
      for (const one of text.split(/\n(?=\{"level")/))
        expect(() => JSON.parse(one) as unknown, `${page}:${line}`).to.not.throw();
  });
});
