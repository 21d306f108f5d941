// Finds the texts in quotes of a TypeScript file, as the process has them: without comments, escapes
// resolved, and those that `+` joins as one text. TypeScript 7 has no API for that yet.

/** Stands for a part of a template that is computed. */
export const COMPUTED = 'undefined';

export interface SourceText {
  /** Line of the file, from 1. */
  readonly line: number;
  readonly text: string;
}

/** What a slash follows that begins a regular expression and does not divide. */
const BEFORE_PATTERN = /(?:^|[(,=:[!&|?{};<>+\n]|\b(?:return|typeof|case))\s*$/;
const PATTERN = /\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const CONSTANT = /\bconst ([A-Z][A-Z\d_]*) =\s*(['"])((?:\\.|(?!\2)[^\\\n])*)\2;/g;
const JOIN = /\s*\+\s*$/;

export function textsIn(code: string): readonly SourceText[] {
  const constants = new Map([...code.matchAll(CONSTANT)].map(([, name, , text]) => [name!, resolved(text!)]));
  return new Scan(code, constants).run();
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0', b: '\b' };

function resolved(text: string): string {
  return text.replaceAll(
    /\\(?:x([\da-f]{2})|u([\da-f]{4})|u\{([\da-f]+)\}|\r?\n|([\s\S]))/gi,
    (_, ...[x, u, point, sign]: (string | undefined)[]) => {
      const hex = x ?? u ?? point;
      return hex === undefined
        ? (ESCAPES[sign ?? ''] ?? sign ?? '')
        : String.fromCodePoint(parseInt(hex, 16));
    },
  );
}

class Scan {
  readonly #code: string;
  readonly #constants: ReadonlyMap<string, string>;
  readonly #texts: SourceText[] = [];
  #at = 0;
  /** End of the last text, for those that are joined to it. */
  #end = -1;

  constructor(code: string, constants: ReadonlyMap<string, string>) {
    this.#code = code;
    this.#constants = constants;
  }

  run(): readonly SourceText[] {
    this.#expression(false);
    return this.#texts;
  }

  /** Reads code up to its end, or up to the bracket that ends the expression of a template. */
  #expression(isInTemplate: boolean): void {
    let depth = 0;
    while (this.#at < this.#code.length) {
      const char = this.#code[this.#at]!;
      if (char === "'" || char === '"' || char === '`') this.#text(char);
      else if (char === '/' && this.#skip(COMMENT)) continue;
      else if (char === '/' && BEFORE_PATTERN.test(this.#before()) && this.#skip(PATTERN)) continue;
      else {
        if (char === '{') depth++;
        if (char === '}' && --depth < 0 && isInTemplate) return;
        this.#at++;
      }
    }
  }

  #before(): string {
    return this.#code.slice(Math.max(0, this.#at - 40), this.#at);
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#code)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #text(quote: string): void {
    const from = this.#at++;
    const isJoined = this.#end >= 0 && JOIN.test(this.#code.slice(this.#end, from));
    const joined = isJoined ? this.#texts.pop() : undefined;
    let text = '';
    for (let char = this.#code[this.#at]!; char !== quote; char = this.#code[this.#at]!) {
      if (char === undefined) return;
      if (quote === '`' && this.#code.startsWith('${', this.#at)) {
        this.#at += 2;
        const begin = this.#at;
        this.#expression(true);
        text += this.#constants.get(this.#code.slice(begin, this.#at).trim()) ?? COMPUTED;
        this.#at++;
      } else if (char === '\\') {
        text += this.#code.slice(this.#at, this.#at + 2);
        this.#at += 2;
      } else {
        text += char;
        this.#at++;
      }
    }
    this.#end = ++this.#at;
    const line = joined?.line ?? this.#code.slice(0, from).split('\n').length;
    this.#texts.push({ line, text: (joined?.text ?? '') + resolved(text) });
  }
}
