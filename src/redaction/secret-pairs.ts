// Finds names of secrets inside a text and masks the values that follow them: `password=…`, `"token": "…"`,
// `token => …`, `Cookie: …`, `--secret …`, `<password …>…</password>`, `["cookie", "…"]`, `name="token"
// value="…"`, and `Key (token)=(…)`, as PostgreSQL writes it. The search finds separators first and then
// checks the name before each of them, so a text is read only a few times, however many names of secrets
// there are. secret-values.ts finds where a value ends.
import { isSecretHeader, isSecretName, isWorkingFolder } from './secret-names.js';
import { bracketsAt, contentAt, quotedAt, type Span, spanOf, valueAt } from './secret-values.js';

/** Replaces a secret. */
export const CENSORED = '[redacted]';

/** The signs between a name and its value; `%3d` and `%3a` are percent-encoded signs. */
const SEPARATOR = /[=:>]|%3[ad]/gi;
/** An option of a command with the blanks after it, such as `--secret `. */
const OPTION = /(?<![\w\]-])--?[a-z][\w-]{1,64}[ \t]{1,8}(?=[^\s-])/gi;
/** A comma after a quoted item of a list, such as `["cookie", "…"]`. */
const COMMA = /["'] ?, ?(?=\\{0,8}["'[])/g;
/** An optional quote, which may be escaped. */
const Q = String.raw`\\{0,8}["']?`;
/**
 * A name that is itself the value of a member, such as `name="token"`. The secret is in the next member, or
 * in the body of a part of a form whose header fields contain the name.
 */
const MEMBER = new RegExp(
  String.raw`\b(?:name|key|header|field|param|path|property)${Q} ?[:=] ?${Q}([\w./[\]-]{1,64})` +
    String.raw`(?:${Q}[ \t,;]{1,4}${Q}(?:values?|val|data|content|input|received)${Q} ?[:=] ?|` +
    String.raw`${Q}(?:\r?\n[\w-]{1,40}:[^\r\n]{0,200}){0,4}\r?\n\r?\n)`,
  'gi',
);
/** The value of the next member without quotes: up to a quote or the end of the line. */
const MEMBER_VALUE = /[^"'\r\n\\]+/y;

/**
 * The fewest characters of a name of a secret, and the most that are examined: of a longer name only the end
 * is.
 */
const [LEAST_NAME, MAX_NAME] = [3, 64];
/** The most characters of a list of columns. */
const MAX_COLUMNS = 256;
/** The most quotes, brackets and blanks between a name and its separator. */
const MAX_BETWEEN = 64;

/** A number with dots: part of a number, a time or an address, but no name. */
const DIGITS = /^[\d.]+$/;
/** The end of the name of a file, as in `token.ts:12`. */
const FILE = /\.(?:[cm]?[jt]sx?|json|sql|proto|ya?ml|toml|pem)$/i;
/** An opening tag without its `>`. It captures the name without its namespace. */
const OPENING = /^<(?:[\w.-]+:)?([\w.-]+)(?:\s[^<>]*)?$/;
/** The most characters of an opening tag. */
const MAX_OPENING = 256;
/** The value of an option of a command: everything up to the next blank. */
const ARGUMENT = /\S+/y;
/**
 * The row of values in `Key (token)=(…)`: from a bracket to the last closing bracket of the line, or to the
 * end of the line when the closing bracket was cut off.
 */
const ROW = /\((?:[^\r\n]*\)|[^\r\n]*)/y;

/** Masks the values after names of secrets and a separator. */
export const maskAssigned = (text: string): string => maskBehind(text, SEPARATOR, behindSeparator);

/**
 * Masks secrets that follow a name without a separator: options of commands, items of lists, members that
 * another member names, parts of forms.
 */
export function maskListed(text: string): string {
  const masked = text.includes('-') ? maskBehind(text, OPTION, behindOption) : text;
  if (!masked.includes('"') && !masked.includes("'")) return masked;
  return maskBehind(maskMembers(masked), COMMA, behindComma);
}

/**
 * Masks every secret that follows a separator.
 * @param secretAt returns the secret that follows a separator; its argument is the index after the separator
 */
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

/** Masks the value of the next member, where the value of a member is the name of a secret (see `MEMBER`). */
function maskMembers(text: string): string {
  let result = '';
  let end = 0;
  MEMBER.lastIndex = 0;
  for (let found = MEMBER.exec(text); found !== null; found = MEMBER.exec(text)) {
    if (!isSecretName(found[1]!)) continue;
    const at = MEMBER.lastIndex;
    const isList = text[at] === '[' || text[at] === '{';
    const value = isList ? bracketsAt(text, at) : (quotedAt(text, at) ?? spanOf(MEMBER_VALUE, text, at));
    if (value === undefined) continue;
    result += text.slice(end, value.from) + CENSORED;
    end = value.to;
    MEMBER.lastIndex = end;
  }
  return end === 0 ? text : result + text.slice(end);
}

function behindSeparator(text: string, behind: number): Span | undefined {
  const isEncoded = !'=:>'.includes(text[behind - 1]!);
  const at = behind - (isEncoded ? 3 : 1);
  const separator = text[at]!;
  const next = text[behind];
  if (next === '=' || next === ':' || text.startsWith('//', behind)) return undefined; // `==`, `::`, `://`
  if (separator === '=' && text[at - 1] === ')') {
    return columnsBefore(text, at).some(isSecretName) ? spanOf(ROW, text, behind) : undefined;
  }
  if (separator === '>') return isSecretElement(text, at) ? contentAt(text, behind) : undefined;
  const { from, name } = separator === ':' ? nameBefore(text, at) : keyBefore(text, at);
  // Most names that begin with a digit are numbers, times and addresses.
  if (name.length < LEAST_NAME || (isDigit(text.charCodeAt(from)) && DIGITS.test(name))) return undefined;
  if (!isSecretName(name)) return undefined;
  // Here the colon belongs to a path, or to a position in a file.
  if (separator === ':' && (text[from - 1] === '/' || FILE.test(name))) return undefined;
  const isArrow = separator === '=' && next === '>';
  const value = valueAt(text, isArrow ? behind + 1 : behind, name, separator);
  // PWD is a folder only among variables of a shell: in a connection string it is a password.
  const isFolder =
    value !== undefined &&
    /[\s"'`]/.test(text[from - 1] ?? ' ') &&
    isWorkingFolder(name, text.slice(value.from, value.to));
  return isFolder ? undefined : value;
}

/** Whether the tag that ends at `at` opens an element with the name of a secret. */
function isSecretElement(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - MAX_OPENING), at);
  const tag = before.slice(before.lastIndexOf('>') + 1);
  const open = tag.lastIndexOf('<');
  const name = open < 0 ? undefined : OPENING.exec(tag.slice(open))?.[1];
  return name !== undefined && isSecretName(name);
}

interface Name {
  readonly from: number;
  readonly to: number;
  readonly name: string;
}

/**
 * The name before a separator.
 * @param between characters that may be between the name and the separator
 */
function nameBefore(text: string, at: number, between = BETWEEN): Name {
  let to = at;
  while (to > 0 && at - to < MAX_BETWEEN && between.includes(text[to - 1]!)) to--;
  // The brackets and quotes may be percent-encoded, as in `user%5Bpassword%5D=` and `%22password%22%3A`.
  while (text[to - 3] === '%' && at - to < MAX_BETWEEN && /^(?:5[cd]|2[027])/i.test(text.slice(to - 2, to)))
    to -= 3;
  let from = to;
  while (from > 0 && to - from < MAX_NAME && isInNames(text.charCodeAt(from - 1))) from--;
  if (text[from - 1] === '%') from += 2; // %3Ftoken%3D
  return { from, to, name: text.slice(from, to) };
}

/**
 * The name of a form's key: `sign_up.password.first` for `sign_up[password][first]=`, and `password` for
 * `password[0]=`.
 */
function keyBefore(text: string, at: number): Name {
  let { from, to, name } = nameBefore(text, at);
  for (let depth = 0; depth < MAX_SUBSCRIPTS; depth++) {
    const isEncoded = text[from - 3] === '%' && /^5b/i.test(text.slice(from - 2, from));
    if (!isEncoded && (text[from - 1] !== '[' || text.startsWith(CENSORED, from - 1))) break;
    const outer = nameBefore(text, from - (isEncoded ? 3 : 1), ']');
    if (outer.name === '') break;
    name = /^\d*$/.test(name) ? outer.name : `${outer.name}.${name}`;
    from = outer.from;
  }
  return { from, to, name };
}

/** The most subscripts of a form's key that are read. */
const MAX_SUBSCRIPTS = 4;
/** The characters that may be between a name and its separator. */
const BETWEEN = ' \t"\'`\\]';

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** True for letters, digits, `_`, `-`, `.` and `$`. */
const isInNames = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x41 && code <= 0x5a) ||
  isDigit(code) ||
  code === 0x5f ||
  code === 0x2d ||
  code === 0x2e ||
  code === 0x24;

/** The names in the parentheses before a separator. */
function columnsBefore(text: string, at: number): readonly string[] {
  const before = text.slice(Math.max(0, at - MAX_COLUMNS), at - 1);
  const open = before.lastIndexOf('(');
  return open < 0 ? [] : before.slice(open + 1).split(',');
}
