// Finds names of secrets inside a text, and masks what is behind them: `password=…`, `"token": "…"`,
// `token => …`, `Cookie: …`, `--secret …`, `<password …>…</password>`, `["cookie", "…"]`,
// `name="token" value="…"`, and `Key (token)=(…)`, as PostgreSQL has it. Names are found by what is behind them,
// so a text is read a few times, however many there are.
import { isSecret, isSecretHeader, isSecretName, isWorkingFolder } from './secret-names.js';

/** In the place of a secret. */
export const CENSORED = '[redacted]';

/** Where it is inside the text. */
interface Span {
  readonly from: number;
  readonly to: number;
}

const SEPARATOR = /[=:>]|%3[ad]/gi;
/** An option of a command, with the blanks behind it. */
const OPTION = /(?<![\w-])--?[a-z][\w-]{1,64}[ \t]{1,8}(?=[^\s-])/gi;
/** In a list. */
const COMMA = /["'] ?, ?(?=\\{0,8}["'[])/g;
/** A quote or none, be it escaped. */
const Q = String.raw`\\{0,8}["']?`;
/**
 * A name that is a value itself: the value is in the next member, or in the part of a form that begins so.
 */
const MEMBER = new RegExp(
  String.raw`(\b(?:name|key|header|field)${Q} ?[:=] ?${Q})([\w.[\]-]{1,64})` +
    String.raw`(${Q}(?:[ \t,;]{1,4}${Q}value${Q} ?[:=] ?${Q}|\r?\n\r?\n))([^"'\r\n\\]+)`,
  'gi',
);

/** Characters of a name: no name of a secret is shorter, and of a longer one the end is looked at. */
const [LEAST_NAME, MAX_NAME] = [3, 64];
/** Characters of a list of columns. */
const MAX_COLUMNS = 256;
/** Quotes, brackets and blanks between a name and its separator. */
const MAX_BETWEEN = 8;

const FILE = /\.(?:[cm]?[jt]sx?|json|sql|proto|ya?ml|toml|pem)$/i;
const NUMBER = /^[+-]?\d+(?:\.\d+)?$/;
const LITERAL = /^(?:true|false|null|undefined|none|nil)$/i;
/** Tokens and keys do not look so; a password may. */
const WORD = /^[a-z]{1,15}$/;
const MAY_BE_A_WORD = /pass|pwd|secret/i;
const COOKIE = /cookies?$/i;
/**
 * What is said of a password, where the password would be: `password: must be longer`. No more than is beyond
 * doubt.
 */
const SAID =
  /(?:(?:must|should|cannot|is|was|has|does|needs|requires)(?= [a-z])|too (?:short|long|weak|common|simple)\b|(?:required|invalid|missing|expired|incorrect|mandatory)(?![^\s.,;!)\]}"'`]))/iy;

/** What is behind a separator. Those that are read from a place on are sticky. */
const BLANKS = /[ \t]{0,8}/y;
/** There is no value: it is a parameter of a statement, or of a format. */
const PLACEHOLDER = /(?:\$\d+|\?|%[sdifjoOc])(?![\w%])/y;
const SCHEME =
  /(?:bearer|basic|token|apikey|negotiate|ntlm)[ \t]+[^\s"',;]+|(?:digest|aws4-hmac-sha256)[ \t][^\r\n]*/iy;
const COOKIES = /[^\s=;"']+=[^\r\n"']*/y;
const ELEMENT = /<!\[CDATA\[[^\]]*(?:\](?!\]>)[^\]]*)*(?:\]\]>)?|[^<]*/y;
/** Up to its `>`: the name without its name space. */
const OPENING = /^<(?:[\w.-]+:)?([\w.-]+)(?:\s[^<>]*)?$/;
/** Characters of an opening tag. */
const MAX_OPENING = 256;
const ARGUMENT = /\S+/y;
const ROW = /\([^\r\n]*\)/y;
/** Up to what may be behind it: a blank, a quote, or a sign in front of the end, a blank or the next pair. */
const BARE = /(?:[^\s&"'`<>,;)\]}]|[,;)\]}](?![\s,;)\]}"'`]|$|[\w.-]+[=:]))+/y;
const ENCODED = /(?:[^\s&"'`<>,;)\]}%]|%(?!2[26]|3c))+/iy;

/** Masks what is behind names of secrets and a separator. */
export const maskAssigned = (text: string): string => maskBehind(text, SEPARATOR, behindSeparator);

/** Masks what comes next in a list whose names are quoted or have dashes. */
export function maskListed(text: string): string {
  const masked = text.includes('-') ? maskBehind(text, OPTION, behindOption) : text;
  if (!masked.includes('"') && !masked.includes("'")) return masked;
  return maskBehind(masked.replace(MEMBER, maskMember), COMMA, behindComma);
}

/** @param secretAt given the place behind a separator */
function maskBehind(
  text: string,
  separator: RegExp,
  secretAt: (text: string, behind: number) => Span | undefined,
): string {
  let result = '';
  let end = 0;
  separator.lastIndex = 0;
  while (separator.test(text)) {
    const secret = secretAt(text, separator.lastIndex);
    if (secret === undefined || secret.to <= secret.from) continue;
    result += text.slice(end, secret.from) + CENSORED;
    end = secret.to;
    separator.lastIndex = end;
  }
  return end === 0 ? text : result + text.slice(end);
}

function behindOption(text: string, behind: number): Span | undefined {
  if (!isSecretName(nameBefore(text, behind).name)) return undefined;
  return quotedAt(text, behind) ?? spanOf(ARGUMENT, text, behind);
}

function behindComma(text: string, behind: number): Span | undefined {
  if (!isSecretHeader(nameBefore(text, text.lastIndexOf(',', behind)).name)) return undefined;
  return text[behind] === '[' ? bracketsAt(text, behind) : quotedAt(text, behind);
}

const maskMember = (whole: string, start: string, name: string, between: string): string =>
  isSecretName(name) ? start + name + between + CENSORED : whole;

function behindSeparator(text: string, behind: number): Span | undefined {
  const isEncoded = !'=:>'.includes(text[behind - 1]!);
  const at = behind - (isEncoded ? 3 : 1);
  const separator = text[at]!;
  const next = text[behind];
  if (next === '=' || next === ':' || text.startsWith('//', behind)) return undefined; // `==`, `::`, `://`
  if (separator === '=' && text[at - 1] === ')') {
    return columnsBefore(text, at).some(isSecretName) ? spanOf(ROW, text, behind) : undefined;
  }
  if (separator === '>') return isSecretElement(text, at) ? spanOf(ELEMENT, text, behind) : undefined;
  const { from, name } = separator === ':' ? nameBefore(text, at) : keyBefore(text, at);
  // Most of those that begin with a digit are numbers, times and addresses.
  if (name.length < LEAST_NAME || isDigit(text.charCodeAt(from))) return undefined;
  if (!isSecretName(name)) return undefined;
  // Of a path, or a place in a file.
  if (separator === ':' && (text[from - 1] === '/' || FILE.test(name))) return undefined;
  const isArrow = separator === '=' && next === '>';
  const value = valueAt(text, spanOf(BLANKS, text, isArrow ? behind + 1 : behind)!.to, name, separator);
  // Among variables only: in a connection string PWD is a password.
  const isFolder =
    value !== undefined &&
    /[\s"'`]/.test(text[from - 1] ?? ' ') &&
    isWorkingFolder(name, text.slice(value.from, value.to));
  return isFolder ? undefined : value;
}

/** Whether the tag that ends here opens an element of such a name. */
function isSecretElement(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - MAX_OPENING), at);
  const name = OPENING.exec(before.slice(Math.max(0, before.lastIndexOf('<'))))?.[1];
  return name !== undefined && isSecretName(name);
}

function valueAt(text: string, at: number, name: string, separator: string): Span | undefined {
  if (spanOf(PLACEHOLDER, text, at) !== undefined) return undefined;
  const open = text[at];
  if (open === '[' || open === '{') return bracketsAt(text, at);
  const whole =
    quotedAt(text, at) ??
    spanOf(SCHEME, text, at) ??
    (COOKIE.test(name) ? spanOf(COOKIES, text, at) : undefined);
  if (whole !== undefined) return whole;
  const bare = spanOf(separator.startsWith('%') ? ENCODED : BARE, text, at);
  if (bare === undefined) return undefined;
  const value = text.slice(bare.from, bare.to);
  if (LITERAL.test(value) || (NUMBER.test(value) && !isSecret(name, 0))) return undefined;
  const isProse =
    separator === ':' && (MAY_BE_A_WORD.test(name) ? spanOf(SAID, text, at) !== undefined : WORD.test(value));
  return isProse ? undefined : bare;
}

interface Name {
  readonly from: number;
  readonly to: number;
  readonly name: string;
}

/** The name in front of a separator. */
function nameBefore(text: string, at: number): Name {
  let to = at;
  while (to > 0 && at - to < MAX_BETWEEN && BETWEEN.includes(text[to - 1]!)) to--;
  if (text[to - 3] === '%' && /^5d/i.test(text.slice(to - 2, to))) to -= 3; // user%5Bpassword%5D=
  let from = to;
  while (from > 0 && to - from < MAX_NAME && isInNames(text.charCodeAt(from - 1))) from--;
  if (text[from - 1] === '%') from += 2; // %3Ftoken%3D
  return { from, to, name: text.slice(from, to) };
}

/**
 * The key of a form: `sign_up[password][first]=` is called `sign_up.password.first`, `password[0]=` is
 * `password`.
 */
function keyBefore(text: string, at: number): Name {
  let { from, to, name } = nameBefore(text, at);
  for (let depth = 0; depth < MAX_SUBSCRIPTS; depth++) {
    const isEncoded = text[from - 3] === '%' && /^5b/i.test(text.slice(from - 2, from));
    if (!isEncoded && text[from - 1] !== '[') break;
    const outer = nameBefore(text, from - (isEncoded ? 3 : 1));
    if (outer.name === '') break;
    name = /^\d*$/.test(name) ? outer.name : `${outer.name}.${name}`;
    from = outer.from;
  }
  return { from, to, name };
}

const MAX_SUBSCRIPTS = 4;
const BETWEEN = ' \t"\'`\\]';

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** Letters, digits, `_`, `-`, `.` and `$`. */
const isInNames = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x41 && code <= 0x5a) ||
  isDigit(code) ||
  code === 0x5f ||
  code === 0x2d ||
  code === 0x2e ||
  code === 0x24;

/** Names in the parentheses in front of a separator. */
function columnsBefore(text: string, at: number): readonly string[] {
  const before = text.slice(Math.max(0, at - MAX_COLUMNS), at - 1);
  const open = before.lastIndexOf('(');
  return open < 0 ? [] : before.slice(open + 1).split(',');
}

/** Between quotes, be they escaped; to the end if there is no other quote. */
function quotedAt(text: string, at: number): Span | undefined {
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

const QUOTE = /(\\{0,8})["'`]/y;

/** From a bracket to the one that closes it, those between quotes left out; to the end if none does. */
function bracketsAt(text: string, from: number): Span {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const quoted = text[at] === '"' || text[at] === '\\' ? quotedAt(text, at) : undefined;
    if (quoted !== undefined) at = quoted.to + (quoted.from - at) - 1;
    else if ('[{'.includes(text[at]!)) depth++;
    else if (']}'.includes(text[at]!) && --depth === 0) return { from, to: at + 1 };
  }
  return { from, to: text.length };
}

/** What matches from a place on; undefined when nothing does. */
function spanOf(pattern: RegExp, text: string, from: number): Span | undefined {
  pattern.lastIndex = from;
  return pattern.test(text) ? { from, to: pattern.lastIndex } : undefined;
}
