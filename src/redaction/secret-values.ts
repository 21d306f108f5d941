// Where the value ends that is behind a name of a secret: between quotes or brackets, bare, percent-encoded,
// of several words (`Bearer …`), of several pairs (cookies, signatures), or an indented block. Each form is
// read from one place on and either takes what it has read, so that the search goes on behind it, or gives
// up after a bounded number of characters: a text that a stranger makes up costs no more than another one.
import { isSecret } from './secret-names.js';

/** A part of a text. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const BLANKS = /[ \t]{0,64}(?:\r?\n[ \t]{0,64}(?=\\{0,8}["'`]))?/y;
/** Below a name, as in YAML, but no frames of a stack. */
const BLOCK = /[ \t]{0,64}(?:[|>][+-]?\d?[ \t]{0,8})?\r?\n([ \t]{1,64})(?!at |[ \t\r\n])/y;
/** What a block begins with, behind blanks. */
const BLOCK_SIGNS = '\r\n|>';
const QUOTE = /(\\{0,8})["'`]/y;
/** There is no value: it is a parameter of a statement, or of a format. */
const PLACEHOLDER = /(?:\$\d+|\?|%[sdifjoOc])(?![\w%])/y;
const SCHEME =
  /(?:bearer|basic|token|apikey|negotiate|ntlm)[ \t]+[^\s"',;]+|(?:digest|aws4-hmac-sha256)[ \t][^\r\n]*/iy;
const COOKIES = /[\w!#$%&*+.^|~-]{1,128}=[^\r\n"']*/y;
/** `t=1,v1=…`, `keyId="…", signature="…"` */
const SIGNATURES =
  /[\w-]{1,32}=(?:"[^"\r\n]*"?|[^\s,;"'&]*)(?:[,;] ?[\w-]{1,32}=(?:"[^"\r\n]*"?|[^\s,;"'&]*))*/y;
const ELEMENT = /<!\[CDATA\[[^\]]*(?:\](?!\]>)[^\]]*)*(?:\]\]>)?|[^<]*/y;
const ANGLES = /<(?![/!?])[^\s<>"'`]+>?/y;
/**
 * Up to what may be behind it: a blank, or a quote or another sign in front of the end, a blank or the next
 * pair.
 */
const BARE = new RegExp(
  `(?:${[
    '[^\\s&"\'`<>,;)\\]}]',
    '["\'`](?![\\s,;:)\\]}>&\\\\"\'`]|$)',
    '[,;)\\]}](?![\\s,;)\\]}"\'`]|$|(?:[\\w.-]+|\\[redacted\\])[=:])',
  ].join('|')})+`,
  'y',
);
/** Percent-encoded JSON: a text up to its quote, a list or an object up to the end of the parameter. */
const ENCODED_TEXT = /(?:%20|\+){0,8}(?:%5c){0,8}%22(?:%5c(?:%[\da-f]{2})?|%(?!22|5c)|[^\s%&"<>])*/iy;
const ENCODED_LIST = /(?:%20|\+){0,8}%(?:5b|7b)[^\s&"'`<>]*/iy;
const ENCODED_BARE = /(?:[^\s&"'`<>,;)\]}%]|%(?!2[26]|3c))+/iy;

const NUMBER = /^[+-]?\d+(?:\.\d+)?$/;
const LITERAL = /^(?:true|false|null|undefined|none|nil)$/i;
const COOKIE = /cookies?$/i;
const SIGNATURE = /signature/i;
const END_OF_WORD = '(?![^\\s.,;!)\\]}"\'`])';
/**
 * What is said of a secret, where the secret would be: `password: must be longer`. No more than is beyond
 * doubt.
 */
const SAID = new RegExp(
  '(?:must|should|cannot|is|was|has|does|needs|requires)(?= [a-z])|' +
    'too (?:short|long|weak|common|simple)\\b|' +
    `(?:required|invalid|missing|expired|incorrect|mandatory)${END_OF_WORD}`,
  'iy',
);
const STATES =
  'absent accepted active closed created deleted denied disabled empty enabled ended failed forbidden found ' +
  'granted idle inactive lost malformed ok open opened present refreshed refused rejected removed renewed ' +
  'revoked rotated started unauthorized unknown unset valid verified';
/** The same of what no person makes up: no token or key is one of these words, but a password may be. */
const STATE = new RegExp(`(?:${STATES.replaceAll(' ', '|')})${END_OF_WORD}`, 'y');
const MAY_BE_A_WORD = /pass|pwd|secret/i;

/**
 * @param behind the place behind the separator
 * @param separator its first character
 * @returns undefined for none, for one that is no secret, and for what only tells of one
 */
export function valueAt(text: string, behind: number, name: string, separator: string): Span | undefined {
  const at = spanOf(BLANKS, text, behind)!.to;
  if (spanOf(PLACEHOLDER, text, at) !== undefined) return undefined;
  const open = text[at];
  if (open === '[' || open === '{') return bracketsAt(text, at);
  if (separator === '%') return encodedAt(text, at, name);
  const quoted = quotedAt(text, at);
  if (quoted !== undefined) return quoted;
  if (separator === ':') {
    const block = BLOCK_SIGNS.includes(open ?? ' ') ? blockAt(text, behind) : undefined;
    // Asked before the block is read to its end: what is passed over here is looked at again, line by line.
    if (isSaid(text, block?.from ?? at, name)) return undefined;
    if (block !== undefined) return { from: block.from, to: endOfBlock(text, block) };
  }
  return (
    spanOf(SCHEME, text, at) ??
    (COOKIE.test(name) ? spanOf(COOKIES, text, at) : undefined) ??
    (SIGNATURE.test(name) ? spanOf(SIGNATURES, text, at) : undefined) ??
    spanOf(ANGLES, text, at) ??
    unlessInnocent(text, spanOf(BARE, text, at), name)
  );
}

/** The content of an element of XML or HTML, up to its end. */
export const contentAt = (text: string, at: number): Span | undefined => spanOf(ELEMENT, text, at);

const encodedAt = (text: string, at: number, name: string): Span | undefined =>
  spanOf(ENCODED_TEXT, text, at) ??
  spanOf(ENCODED_LIST, text, at) ??
  unlessInnocent(text, spanOf(ENCODED_BARE, text, at), name);

function unlessInnocent(text: string, value: Span | undefined, name: string): Span | undefined {
  if (value === undefined) return undefined;
  const shown = text.slice(value.from, value.to);
  return LITERAL.test(shown) || (NUMBER.test(shown) && !isSecret(name, 0)) ? undefined : value;
}

const isSaid = (text: string, at: number, name: string): boolean =>
  spanOf(SAID, text, at) !== undefined ||
  (!MAY_BE_A_WORD.test(name) && spanOf(STATE, text, at) !== undefined);

interface Block {
  readonly from: number;
  readonly indent: string;
}

/** The lines below a name that are indented as the first of them. */
function blockAt(text: string, behind: number): Block | undefined {
  BLOCK.lastIndex = behind;
  const indent = BLOCK.exec(text)?.[1];
  return indent === undefined ? undefined : { from: BLOCK.lastIndex, indent };
}

function endOfBlock(text: string, { from, indent }: Block): number {
  let to = lineEnd(text, from);
  while (text[to] === '\n' && text.startsWith(indent, to + 1)) to = lineEnd(text, to + 1);
  return to;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

/** Between quotes, be they escaped; to the end if there is no other quote. */
export function quotedAt(text: string, at: number): Span | undefined {
  QUOTE.lastIndex = at;
  const open = QUOTE.exec(text);
  if (open === null) return undefined;
  const [quote, backslashes] = open;
  const from = at + quote.length;
  for (let to = from; to < text.length; to++) {
    if (text[to] === '\\') {
      const behind = endOf('\\', text, to);
      // As many as in front of the first quote, or fewer, end it; with more the quote is part of the value.
      if (text[behind] === quote.at(-1) && behind - to <= backslashes!.length) return { from, to };
      // Plain quotes: a backslash takes what is behind it, be it another one.
      to = backslashes === '' && (behind - to) % 2 === 0 ? behind - 1 : behind;
    } else if (backslashes === '' && text[to] === quote) {
      if (quote !== "'" || text[to + 1] !== quote) return { from, to };
      to++; // 'it''s', as in SQL
    }
  }
  return { from, to: text.length };
}

/** Behind a run of one character. */
function endOf(character: string, text: string, from: number): number {
  let at = from;
  while (text[at] === character) at++;
  return at;
}

/** From a bracket to the one that closes it, those between quotes left out; to the end if none does. */
export function bracketsAt(text: string, from: number): Span {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const quoted = text[at] === '"' || text[at] === '\\' ? quotedAt(text, at) : undefined;
    if (quoted !== undefined) at = quoted.to + (quoted.from - at) - 1;
    else if ('[{'.includes(text[at]!)) depth++;
    else if (']}'.includes(text[at]!) && --depth === 0) return { from, to: at + 1 };
  }
  return { from, to: text.length };
}

/** What a sticky expression matches from a place on; undefined when it does not. */
export function spanOf(pattern: RegExp, text: string, from: number): Span | undefined {
  pattern.lastIndex = from;
  return pattern.test(text) ? { from, to: pattern.lastIndex } : undefined;
}
