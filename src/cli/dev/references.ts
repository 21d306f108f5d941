// Finds what the text of a module refers to: imports, `require`, and paths that it builds from its own place.
// The text is searched, not parsed, so a reference is found in a module that does not compile, and to a file
// that does not exist. What stands in a comment is found as well; `dev` then watches one file more.

export interface Reference {
  /**
   * `module`: the specifier of an import. `path`: a file or a folder beside the module. `begin`: the
   * beginning of a path whose end is computed. `file`: a file that a `.proto` file imports.
   */
  readonly kind: 'module' | 'path' | 'begin' | 'file';
  readonly text: string;
}

/** `from '…'`, `import '…'`, `import('…')`, `require('…')`, `import.meta.resolve('…')`. */
const MODULE = /\b(?:from|import|require|resolve)\s*\(?\s*(['"`])([^'"`$\n]+)\1(?!\s*\+)/g;
/** `new URL('…', import.meta.url)`. */
const URL_OF = /\bnew\s+URL\s*\(\s*(['"`])([^'"`$\n]+)\1\s*,\s*import\.meta\.url/g;
/** `join(import.meta.dirname, 'views', 'a.html')`, with `resolve` and `__dirname` too. */
const JOINED = /\b(?:join|resolve)\s*\(\s*(?:import\.meta\.dirname|__dirname)((?:\s*,\s*(['"])[^'"\n]+\2)+)/g;
/** An import of a template or of a sum that begins with a text, also in `new URL` and `require`. */
const BEGIN = /\b(?:import|require|URL)\s*\(\s*(?:`([^`$]*)\$\{|(['"`])([^'"`$\n]*)\2\s*\+)/g;

/** The references of a module, each of them once. */
export function referencesIn(text: string): readonly Reference[] {
  return distinct([
    ...found(text, MODULE, 'module', (match) => match[2]),
    ...found(text, URL_OF, 'path', (match) => match[2]),
    ...found(text, JOINED, 'path', ([, words = '']) => `./${literalsIn(words).join('/')}`),
    ...found(text, BEGIN, 'begin', (match) => match[1] ?? match[3]),
  ]);
}

function distinct(references: readonly Reference[]): readonly Reference[] {
  const byText = new Map(references.map((reference) => [`${reference.kind} ${reference.text}`, reference]));
  // The texts are copied, because a part of a text would keep the whole one in memory.
  return [...byText.values()].map(({ kind, text }) => ({ kind, text: Buffer.from(text).toString() }));
}

function found(
  text: string,
  pattern: RegExp,
  kind: Reference['kind'],
  read: (match: RegExpMatchArray) => string | undefined,
): readonly Reference[] {
  return [...text.matchAll(pattern)].flatMap((match) => {
    const word = read(match);
    return word === undefined ? [] : [{ kind, text: word }];
  });
}

const literalsIn = (words: string): readonly string[] =>
  [...words.matchAll(/(['"])([^'"\n]+)\1/g)].map((match) => match[2]!);

/** The files that a `.proto` file imports. */
export const protoImportsIn = (text: string): readonly string[] =>
  [...text.matchAll(/^\s*import\s+(?:public\s+|weak\s+)?"([^"\n]+)"/gm)].map((match) => match[1]!);
