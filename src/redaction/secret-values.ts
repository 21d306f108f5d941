// Finds where the value ends that follows the name of a secret. It may be between quotes or brackets, bare,
// percent-encoded, of several words (`Bearer …`), of several pairs (cookies, signatures), or an indented
// block. Every form is matched at one position. It either matches, and the search continues after it, or it
// fails after a bounded number of characters. So no text can make the search slow.
import { isSecret } from './secret-names.js';

/** A part of a text, from index `from` up to `to`, which is not in it. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Blanks before a value. A quoted value may begin in the next line. */
const BLANKS = /[ \t]{0,64}(?:\r?\n[ \t]{0,64}(?=\\{0,8}["'`]))?/y;
/** The start of an indented block below a name, as in YAML. Frames of a stack are not a block. */
const BLOCK = /[ \t]{0,64}(?:[|>][+-]?\d?[ \t]{0,8})?\r?\n([ \t]{1,64})(?!at |[ \t\r\n])/y;
/** The characters that a block may begin with, after blanks. */
const BLOCK_SIGNS = '\r\n|>';
/** An opening quote, which may be escaped. */
const QUOTE = /(\\{0,8})["'`]/y;
/** A placeholder of a statement or of a format string, which is no value. */
const PLACEHOLDER = /(?:\$\d+|\?|%[sdifjoOc])(?![\w%])/y;
/** Credentials with the name of their scheme, as in the header field `Authorization`. */
const SCHEME =
  /(?:bearer|basic|token|apikey|negotiate|ntlm)[ \t]+[^\s"',;]+|(?:digest|aws4-hmac-sha256)[ \t][^\r\n]*/iy;
/** The pairs of a header field `Cookie`, up to the end of the line. */
const COOKIES = /[\w!#$%&*+.^|~-]{1,128}=[^\r\n"']*/y;
/** Pairs as in `t=1,v1=…` and `keyId="…", signature="…"`. */
const SIGNATURES =
  /[\w-]{1,32}=(?:"[^"\r\n]*"?|[^\s,;"'&]*)(?:[,;] ?[\w-]{1,32}=(?:"[^"\r\n]*"?|[^\s,;"'&]*))*/y;
/** The content of an XML element. */
const ELEMENT = /<!\[CDATA\[[^\]]*(?:\](?!\]>)[^\]]*)*(?:\]\]>)?|[^<]*/y;
/** A value in angle brackets. */
const ANGLES = /<(?![/!?])[^\s<>"'`]+>?/y;
/**
 * A value without quotes. It ends before a blank, and before a quote or another sign that is followed by the
 * end, a blank or the next pair.
 */
const BARE = new RegExp(
  `(?:${[
    '[^\\s&"\'`<>,;)\\]}]',
    '["\'`](?![\\s,;:)\\]}>&\\\\"\'`]|$)',
    '[,;)\\]}](?![\\s,;)\\]}"\'`]|$|(?:[\\w.-]+|\\[redacted\\])[=:])',
  ].join('|')})+`,
  'y',
);
/** A percent-encoded string of JSON, up to its quote. */
const ENCODED_TEXT = /(?:%20|\+){0,8}(?:%5c){0,8}%22(?:%5c(?:%[\da-f]{2})?|%(?!22|5c)|[^\s%&"<>])*/iy;
/** A percent-encoded list or object of JSON, up to the end of the parameter. */
const ENCODED_LIST = /(?:%20|\+){0,8}%(?:5b|7b)[^\s&"'`<>]*/iy;
/** A percent-encoded value without quotes, up to an encoded quote, `&` or `<`. */
const ENCODED_BARE = /(?:[^\s&"'`<>,;)\]}%]|%(?!2[26]|3c))+/iy;

/** A number, which is no secret after a plural such as `tokens` (see `isSecret`). */
const NUMBER = /^[+-]?\d+(?:\.\d+)?$/;
/** A word for a missing value or a boolean, which is never a secret. */
const LITERAL = /^(?:true|false|null|undefined|none|nil)$/i;
/** The names whose values are pairs of cookies. */
const COOKIE = /cookies?$/i;
/** The names whose values are pairs of a signature. */
const SIGNATURE = /signature/i;
/** The position after a whole word: the end, a blank or a sign must follow. */
const END_OF_WORD = '(?![^\\s.,;!)\\]}"\'`])';
/**
 * Words that describe a secret at the position of its value: `password: must be longer`. The list contains
 * only words that are certainly no secrets.
 */
const DESCRIPTION = new RegExp(
  '(?:must|should|cannot|is|was|has|does|needs|requires)(?= [a-z])|' +
    'too (?:short|long|weak|common|simple)\\b|' +
    `(?:required|invalid|missing|expired|incorrect|mandatory)${END_OF_WORD}`,
  'iy',
);
/** The words of `STATE`. */
const STATES =
  'absent accepted active closed created deleted denied disabled empty enabled ended failed forbidden found ' +
  'granted idle inactive lost malformed ok open opened present refreshed refused rejected removed renewed ' +
  'revoked rotated started unauthorized unknown unset valid verified';
/**
 * Words that describe the state of a secret, as in `token: revoked`. A generated token or key is never such a
 * word, but a password may be one (`MAY_BE_A_WORD`).
 */
const STATE = new RegExp(`(?:${STATES.replaceAll(' ', '|')})${END_OF_WORD}`, 'y');
/** The names whose value may be an ordinary word, because a person chooses it. */
const MAY_BE_A_WORD = /pass|pwd|secret/i;

/**
 * The value that follows the name of a secret.
 * @param behind index after the separator
 * @param separator the first character of the separator
 * @returns undefined when there is no value, when it is no secret, and when it only describes one
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
    // This check comes before the block is read to its end. When it skips the block, each of its lines is
    // searched again, so reading all of it for each line would be slow.
    if (isDescription(text, block?.from ?? at, name)) return undefined;
    if (block !== undefined) return { from: block.from, to: endOfBlock(text, block) };
  }
  return (
    spanOf(SCHEME, text, at) ??
    (COOKIE.test(name) ? spanOf(COOKIES, text, at) : undefined) ??
    (SIGNATURE.test(name) ? spanOf(SIGNATURES, text, at) : undefined) ??
    spanOf(ANGLES, text, at) ??
    unlessHarmless(text, spanOf(BARE, text, at), name)
  );
}

/** The content of an XML or HTML element, up to the next tag. */
export const contentAt = (text: string, at: number): Span | undefined => spanOf(ELEMENT, text, at);

const encodedAt = (text: string, at: number, name: string): Span | undefined =>
  spanOf(ENCODED_TEXT, text, at) ??
  spanOf(ENCODED_LIST, text, at) ??
  unlessHarmless(text, spanOf(ENCODED_BARE, text, at), name);

/** The value, unless it is a literal, or a number after a name that may be a count. */
function unlessHarmless(text: string, value: Span | undefined, name: string): Span | undefined {
  if (value === undefined) return undefined;
  const shown = text.slice(value.from, value.to);
  return LITERAL.test(shown) || (NUMBER.test(shown) && !isSecret(name, 0)) ? undefined : value;
}

const isDescription = (text: string, at: number, name: string): boolean =>
  spanOf(DESCRIPTION, text, at) !== undefined ||
  (!MAY_BE_A_WORD.test(name) && spanOf(STATE, text, at) !== undefined);

interface Block {
  readonly from: number;
  readonly indent: string;
}

/** The start of the block below a name: its first line, and the lines indented at least as far. */
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

/** The text between quotes, which may be escaped; without a closing quote, the rest of the text. */
export function quotedAt(text: string, at: number): Span | undefined {
  QUOTE.lastIndex = at;
  const open = QUOTE.exec(text);
  if (open === null) return undefined;
  const [quote, backslashes] = open;
  const from = at + quote.length;
  for (let to = from; to < text.length; to++) {
    if (text[to] === '\\') {
      const behind = endOf('\\', text, to);
      // A quote with more backslashes than the opening one is part of the value.
      if (text[behind] === quote.at(-1) && behind - to <= backslashes!.length) return { from, to };
      // Between plain quotes a backslash escapes the next character, which may be a backslash too.
      to = backslashes === '' && (behind - to) % 2 === 0 ? behind - 1 : behind;
    } else if (backslashes === '' && text[to] === quote) {
      if (quote !== "'" || text[to + 1] !== quote) return { from, to };
      to++; // 'it''s', as in SQL
    }
  }
  return { from, to: text.length };
}

/** The index after all repetitions of one character. */
function endOf(character: string, text: string, from: number): number {
  let at = from;
  while (text[at] === character) at++;
  return at;
}

/**
 * From a bracket to its closing bracket, ignoring brackets between quotes; without one, the rest of the text.
 */
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

/** The span that a sticky expression matches at an index; undefined when it does not match. */
export function spanOf(pattern: RegExp, text: string, from: number): Span | undefined {
  pattern.lastIndex = from;
  return pattern.test(text) ? { from, to: pattern.lastIndex } : undefined;
}
