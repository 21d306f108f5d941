// Words and forms that readers had to decode. What a comment or a page says has to be plain at first sight.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const COLUMNS = 110;

interface Rule {
  readonly pattern: RegExp;
  readonly instead: string;
  /** A line that breaks the rule, and one beside it that does not. */
  readonly refused: string;
  readonly taken: string;
}

const RULES: readonly Rule[] = [
  {
    pattern: /^\s*(\/\*\*|\/\/|\*)\s+Of\b/,
    instead: 'a sentence that begins with its subject',
    refused: '/** Of the first threads the primary has said it. */',
    taken: '/** The primary logged the warnings of the first threads. */',
  },
  {
    pattern: /\bst(and|ands|ood|anding) still\b|\b(does|do|did) not turn\b/i,
    instead: 'stalled',
    refused: 'a worker stands still',
    taken: 'worker 2 is stalled',
  },
  {
    pattern: /\bbr(eak|eaks|eaking|oke|oken) off\b/i,
    instead: 'interrupt',
    refused: '// What runs there is broken off.',
    taken: '// What runs there is interrupted.',
  },
  {
    /** The account "nobody" of Unix is quoted. */
    pattern: /\b(whoever|whomever|somebody)\b|(?<!['"])\bnobody\b/i,
    instead: 'the name of the thread, the caller or the request',
    refused: '// Whoever has it gives it up.',
    taken: '// The thread that holds it releases it.',
  },
  {
    pattern: /\bso[- ]many(-th|th)?\b|\b(and|or) the like\b/i,
    instead: 'the number or the things, written out',
    refused: '// Every so-manyth request is timed.',
    taken: '// Every 64th request is timed.',
  },
  {
    pattern: /\blet(s|ting)? go\b|\bg(ive|ives|iving|ave|iven) back\b|\bgiveBack\b/i,
    instead: 'release, return',
    refused: '// Given back when the request ends.',
    taken: '// Released when the request ends.',
  },
  {
    pattern:
      /\b(taken?|took) in\b(?! (each|every|one|two|the|this|that|a|an|which|[a-z]+ing|turns|order)\b)/i,
    instead: 'admitted',
    refused: '// Connections that were taken in are counted.',
    taken: '// The steps are taken in order.',
  },
  {
    pattern: /\b(heirs?|outfits?|surroundings|brains?|doors?)\b/i,
    instead: 'successor, deps, server context, shared state, admission gate',
    refused: '// The door of the route lets it in.',
    taken: '// The admission gate of the route admits it.',
  },
  {
    pattern:
      /\b(this|that|which|own|each|every|other|another|of|a|the) rooms?\b(?! (for|left|to|in|than|of))/i,
    instead: 'module, folder',
    refused: '// The contract of this room.',
    taken: '// There is no room for another row.',
  },
  {
    pattern:
      /\b(DESIGN|STYLE|REVIEWS)\b|\.\.\/shared\b|\bCONTRACT section\b|\bcontract \d|\bissue \d+\b|\bfresh eyes\b/,
    instead: 'what is in the repository, such as docs/contract.md',
    refused: '// See DESIGN 3b.',
    taken: '// See docs/contract.md, section 3.',
  },
];

/** The slogan of the product, which an example is named for, is no term of the code. */
const SLOGAN = /one[- ]brain/gi;

const isComment = (line: string): boolean => /^\s*(\/\/|\/\*|\*)/.test(line);

/** What of a line of code people read: its comments, and texts in quotes. */
function shown(path: string, line: string): string {
  if (!path.endsWith('.ts') || isComment(line)) return line.replace(SLOGAN, '');
  return (line.match(/'(?:\\.|[^'\\])*'|`[^`]*`|"(?:\\.|[^"\\])*"|\/\/.*/g) ?? []).join(' ');
}

const faultsIn = (path: string, line: string): readonly string[] => [
  ...RULES.filter(({ pattern }) => pattern.test(shown(path, line))).map(({ instead }) => `write ${instead}`),
  ...(path.endsWith('.ts') && isComment(line) && line.length > COLUMNS ? [`over ${COLUMNS} columns`] : []),
];

function* filesBelow(...folders: readonly string[]): Generator<string> {
  for (const folder of folders) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && /\.(ts|md|sql|html|js)$/.test(entry.name))
        yield join(entry.parentPath, entry.name);
    }
  }
}

describe('the language of comments, messages and pages', () => {
  it('is plain', () => {
    const faults = [
      ...filesBelow('src', 'workers', 'docs'),
      'README.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
    ].flatMap((path) =>
      readFileSync(path, 'utf8')
        .split('\n')
        .flatMap((line, at) =>
          faultsIn(path, line).map((fault) => `${path}:${at + 1}: ${fault}: ${line.trim()}`),
        ),
    );
    expect(faults).to.deep.equal([]);
  });

  for (const { pattern, instead, refused, taken } of RULES) {
    it(`is refused where ${instead} is meant`, () => {
      expect([refused, taken].map((line) => pattern.test(line))).to.deep.equal([true, false]);
    });
  }

  it('has no comment over 110 columns in tests', () => {
    const wide = [...filesBelow('test')]
      .filter((path) => path.endsWith('.ts'))
      .flatMap((path) =>
        readFileSync(path, 'utf8')
          .split('\n')
          .filter((line) => isComment(line) && line.length > COLUMNS && !line.includes('@ts-expect-error'))
          .map((line) => `${path}: ${line.trim()}`),
      );
    expect(wide).to.deep.equal([]);
  });

  it('is refused in lines of comments that are too wide', () => {
    expect(faultsIn('src/a.ts', `// ${'x'.repeat(COLUMNS)}`)).to.deep.equal([`over ${COLUMNS} columns`]);
    expect(faultsIn('src/a.ts', `const x = '${'x'.repeat(COLUMNS)}';`)).to.deep.equal([]);
  });
});
