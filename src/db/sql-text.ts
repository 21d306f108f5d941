// Finds the statements of an SQL script by the rules of psql, so that a migration can be checked before it
// runs, and the line of a failure can be reported. The script itself is sent as a whole: a mistake here never
// changes what is run.

export interface SqlStatement {
  /** Offset of the first word in the script. */
  readonly start: number;
  /** Text without the semicolon. */
  readonly text: string;
}

export interface SqlScript {
  readonly statements: readonly SqlStatement[];
  /** Comments that begin with `--`, to the end of their line. */
  readonly comments: readonly SqlStatement[];
}

interface Token {
  readonly kind: 'space' | 'line comment' | 'word' | 'other';
  readonly start: number;
  readonly end: number;
}

const WORD = /[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/iy;
const SPACE = /\s+/y;
const NUMBER = /[\d$][\w.]*/y;
const DOLLAR_QUOTE = /\$(?:[a-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/iy;
/** Statements that may have a body of statements which is no string: `begin atomic … end`. */
const ROUTINE = /^create\s+(?:or\s+replace\s+)?(?:function|procedure)\b/i;

export function readScript(script: string): SqlScript {
  const statements: SqlStatement[] = [];
  const comments: SqlStatement[] = [];
  let start: number | undefined;
  const nesting = new Nesting();
  const endStatement = (end: number): void => {
    if (start !== undefined) statements.push({ start, text: script.slice(start, end).trimEnd() });
    start = undefined;
    nesting.reset();
  };
  for (const token of tokensOf(script)) {
    const text = script.slice(token.start, token.end);
    if (token.kind === 'line comment') comments.push({ start: token.start, text });
    if (token.kind === 'line comment' || token.kind === 'space') continue;
    if (text === ';' && !nesting.isInside) {
      endStatement(token.start);
      continue;
    }
    start ??= token.start;
    if (token.kind === 'word') nesting.word(text.toLowerCase(), () => script.slice(start, token.end));
    else nesting.sign(text);
  }
  endStatement(script.length);
  return { statements, comments };
}

/**
 * Tracks where a semicolon does not end the statement: in parentheses (of a rule), and in the body of a
 * routine.
 */
class Nesting {
  #parentheses = 0;
  #blocks = 0;
  /** The last word before. */
  #before = '';

  get isInside(): boolean {
    return this.#parentheses > 0 || this.#blocks > 0;
  }

  reset(): void {
    this.#parentheses = 0;
    this.#blocks = 0;
    this.#before = '';
  }

  sign(text: string): void {
    if (text === '(') this.#parentheses++;
    else if (text === ')') this.#parentheses = Math.max(0, this.#parentheses - 1);
  }

  /** @param statement returns the statement as far as it has been read */
  word(word: string, statement: () => string): void {
    if (word === 'atomic' && this.#before === 'begin' && ROUTINE.test(statement())) this.#blocks = 1;
    else if (this.#blocks > 0 && word === 'case') this.#blocks++;
    else if (this.#blocks > 0 && word === 'end') this.#blocks--;
    this.#before = word;
  }
}

function* tokensOf(script: string): Generator<Token> {
  for (let start = 0, end = 0; start < script.length; start = end) {
    const kind = kindAt(script, start);
    end = Math.max(start + 1, endOf(kind, script, start));
    yield { kind, start, end };
  }
}

function kindAt(script: string, at: number): Token['kind'] {
  if (script.startsWith('--', at)) return 'line comment';
  if (script.startsWith('/*', at) || /\s/.test(script[at]!)) return 'space';
  return matchEnd(WORD, script, at) === undefined || isEscapeString(script, at) ? 'other' : 'word';
}

function endOf(kind: Token['kind'], script: string, at: number): number {
  if (kind === 'word') return matchEnd(WORD, script, at)!;
  if (kind === 'line comment') return endBy('\n', script, at) - 1;
  if (kind === 'space') return matchEnd(SPACE, script, at) ?? afterBlockComment(script, at);
  if (isEscapeString(script, at)) return afterEscapeString(script, at + 2);
  const sign = script[at]!;
  // A doubled quote is read as two strings without a space between them, which makes no difference here.
  if (sign === "'" || sign === '"') return endBy(sign, script, at + 1);
  const opening = matchEnd(DOLLAR_QUOTE, script, at);
  if (opening !== undefined) return endBy(script.slice(at, opening), script, opening);
  return matchEnd(NUMBER, script, at) ?? at + 1;
}

const isEscapeString = (script: string, at: number): boolean =>
  /[eE]/.test(script[at]!) && script[at + 1] === "'";

function matchEnd(pattern: RegExp, script: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(script) ? pattern.lastIndex : undefined;
}

/** Offset after the next `mark`; after the end of the script when there is none. */
function endBy(mark: string, script: string, from: number): number {
  const at = script.indexOf(mark, from);
  return at < 0 ? script.length + 1 : at + mark.length;
}

function afterEscapeString(script: string, from: number): number {
  for (let at = from; at < script.length; at++) {
    if (script[at] === '\\') at++;
    else if (script[at] === "'") return at + 1;
  }
  return script.length;
}

/** Offset after a block comment. In PostgreSQL they nest. One that is not closed ends with the script. */
export function afterBlockComment(script: string, from: number): number {
  const bounds = /\/\*|\*\//g;
  bounds.lastIndex = from;
  let depth = 0;
  for (let bound = bounds.exec(script); bound !== null; bound = bounds.exec(script)) {
    depth += bound[0] === '/*' ? 1 : -1;
    if (depth === 0) return bounds.lastIndex;
  }
  return script.length;
}
