// Masks secrets inside texts that people read: messages, stacks, URLs, statements, bodies. Known are the
// forms that give themselves away: a secret behind its name (`token=…`, `"password": "…"`, `--secret …`,
// `Cookie: …`), credentials of a URL, a bearer token, basic credentials, a JWT, a private key, and tokens
// that their makers have marked. Every form takes a time that grows with the text, so whoever hands one over
// bounds its length.
import { CENSORED, maskAssigned, maskListed } from './secret-pairs.js';

/** The shortest of all is `pwd=x`. */
const LEAST = 5;

/** What is behind the scheme of a URL, up to a blank or a quote: passwords have any other character. */
const AUTHORITY = /:\/\/[^\s"'`<>]+/g;
/** A user name of this length is a token. */
const TOKEN_USER = 20;
/** Of curl; two numbers are the user and the group of a container. */
const USER_OPTION =
  /((?<![\w\]-])(?:-u|--user|--proxy-user)[ =]["']?(?!\d{1,5}:\d{1,5}(?![^\s"']))[^\s:"'-][^\s:"']{0,64}:)[^\s"']+/g;
const BEARER = /\b(bearer\s+)([\w.~+/-]{6,}=*)/gi;
const BASIC = /\b(basic\s+)([\w+/-]{4,}={0,2})/gi;
const JWT = /(?<![\w-])eyJ[\w-]{5,}\.[\w-]{2,}(?:\.[\w-]*)*/g;
const PRIVATE_KEY =
  /-----BEGIN [A-Z ]{0,32}PRIVATE KEY[\s\S]*?(?:-----END [A-Z ]{0,32}PRIVATE KEY[A-Z ]{0,8}-----|$)/g;
/** Of GitHub, GitLab, Slack, Stripe, npm, Google, and of those that write `sk-` in front of them. */
const MARKED = new RegExp(
  `(?<![\\w-])(?:${[
    'gh[opsur]_\\w{20,}',
    'github_pat_\\w{20,}',
    'glpat-[\\w-]{16,}',
    'xox[abeoprs]-[\\w-]{10,}',
    '[rs]k_(?:live|test)_\\w{10,}',
    'npm_\\w{30,}',
    'AIza[\\w-]{30,}',
    'sk-(?=[\\w-]{0,100}\\d)[\\w-]{20,}',
  ].join('|')})`,
  'g',
);

/**
 * A text without any of it has none of the forms: most texts, and it takes less than 1 ns a character to
 * know.
 */
const HINT = /[=:>%@_-]|["'] ?,|(?:arer|asic)\s|eyJ|AIza/i;
/** One without any of that has none but assignments. */
const OTHER = /["'@_-]|(?:arer|asic)\s|eyJ|AIza/i;
const SCHEME = /(?:bearer|basic)\s/i;
const MARK = /eyJ|AIza|(?:gh.|pat|npm|[rs]k)_|(?:pat|sk|xox.)-/;

/**
 * Masks the secrets inside a text. What it returns it would return again.
 * @param isCut it goes on: a URL at its end may have credentials, although their `@` is not there
 */
export function maskText(text: string, isCut = false): string {
  if (text.length < LEAST || !HINT.test(text)) return text;
  if (!isCut && !OTHER.test(text)) return maskAssigned(text);
  let masked = text;
  if (masked.includes('PRIVATE KEY')) masked = masked.replace(PRIVATE_KEY, CENSORED);
  if (masked.includes('://') && (isCut || masked.includes('@'))) {
    masked = masked.replace(AUTHORITY, isCut ? maskUserOrCut : maskUser);
  }
  masked = maskListed(maskAssigned(masked));
  if (masked.includes('-u')) masked = masked.replace(USER_OPTION, `$1${CENSORED}`);
  if (SCHEME.test(masked)) masked = masked.replace(BEARER, maskBearer).replace(BASIC, maskBasic);
  if (MARK.test(masked)) masked = masked.replace(JWT, CENSORED).replace(MARKED, CENSORED);
  return masked;
}

const maskUser = (text: string): string => maskUserBefore(text, text.lastIndexOf('@'));

/** The same where the text may end before the `@`. */
function maskUserOrCut(text: string, at: number, whole: string): string {
  return maskUserBefore(text, at + text.length < whole.length ? text.lastIndexOf('@') : text.length);
}

/**
 * `://user:password@host`, `://token@host`, also of a URL inside another one.
 * @param at where the `@` is, or the end
 */
function maskUserBefore(text: string, at: number): string {
  for (let begin = 0; begin >= 0 && begin < at; begin = text.indexOf('://', begin + 1)) {
    const start = begin + '://'.length;
    const colon = text.indexOf(':', start);
    const hasPassword = colon >= 0 && colon < at;
    const user = text.slice(start, hasPassword ? colon : Math.max(start, at));
    if (/[/?#[]/.test(user)) continue; // the `@` is in the path
    if (hasPassword) {
      const isPort = /^\d{1,5}[/?#]/.test(text.slice(colon + 1, colon + 7));
      if (isPort) continue;
      return text.slice(0, colon + 1) + CENSORED + text.slice(at);
    }
    return user.length < TOKEN_USER ? text : text.slice(0, start) + CENSORED + text.slice(at);
  }
  return text;
}

/** Words that only follow "bearer" are short and have no digit. */
const maskBearer = (whole: string, scheme: string, token: string): string =>
  token.length >= 16 || /\d/.test(token) ? scheme + CENSORED : whole;

/** RFC 7617: user and password, with a colon between them. */
function maskBasic(whole: string, scheme: string, credentials: string): string {
  const isPair = /^[^\p{Cc}:]*:\P{Cc}*$/u.test(Buffer.from(credentials, 'base64').toString());
  return isPair ? scheme + CENSORED : whole;
}
