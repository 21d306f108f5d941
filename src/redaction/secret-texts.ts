// Masks secrets inside texts that people read: messages, stacks, URLs, statements, bodies. It recognizes
// secrets by their form: a value after the name of a secret (`token=…`, `"password": "…"`, `--secret …`,
// `Cookie: …`), credentials in a URL, bearer tokens, basic credentials, JWTs, private keys, and tokens with a
// known prefix. The time grows with the length of the text, so callers must limit it.
import { CENSORED, maskAssigned, maskListed } from './secret-pairs.js';

/** Length of the shortest text that can contain a secret: `pwd=x`. */
const LEAST = 5;

/**
 * The part of a URL after its scheme, up to a blank or a quote, because a password may contain any other
 * character.
 */
const AUTHORITY = /:\/\/[^\s"'`<>]+/g;
/** A user name of at least this length is a token. */
const TOKEN_USER = 20;
/** Whether the user in the credentials of a URL is itself a secret. */
export const isTokenUser = (user: string): boolean => user.length >= TOKEN_USER;
/** User and password in an option of curl. Two numbers are the user and the group of a container instead. */
const USER_OPTION =
  /((?<![\w\]-])(?:-u|--user|--proxy-user)[ =]["']?(?!\d{1,5}:\d{1,5}(?![^\s"']))[^\s:"'-][^\s:"']{0,64}:)[^\s"']+/g;
/** A bearer token after its scheme. */
const BEARER = /\b(bearer\s+)([\w.~+/-]{6,}=*)/gi;
/** Basic credentials after their scheme, in base64. */
const BASIC = /\b(basic\s+)([\w+/-]{4,}={0,2})/gi;
/** A JSON web token: its header begins with `{"` in base64. */
const JWT = /(?<![\w-])eyJ[\w-]{5,}\.[\w-]{2,}(?:\.[\w-]*)*/g;
/** A private key in PEM, up to its last line or the end of a text that was cut. */
const PRIVATE_KEY =
  /-----BEGIN [A-Z ]{0,32}PRIVATE KEY[\s\S]*?(?:-----END [A-Z ]{0,32}PRIVATE KEY[A-Z ]{0,8}-----|$)/g;
/** Tokens of GitHub, GitLab, Slack, Stripe, npm and Google, and those that begin with `sk-`. */
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
 * A text that does not match contains no secret. Most texts do not, and the test takes less than 1 ns per
 * character.
 */
const HINT = /[=:>%@_-]|["'] ?,|(?:arer|asic)\s|eyJ|AIza/i;
/**
 * A text that does not match can contain secrets only as pairs of a name and a value (`maskAssigned`), so the
 * other rules are skipped.
 */
const MORE_THAN_PAIRS = /["'@_-]|(?:arer|asic)\s|eyJ|AIza/i;
/** A text that does not match contains neither a bearer token nor basic credentials. */
const SCHEME = /(?:bearer|basic)\s/i;
/** A text that does not match contains neither a JWT nor a token with a known prefix. */
const MARK = /eyJ|AIza|(?:gh.|pat|npm|[rs]k)_|(?:pat|sk|xox.)-/;

/**
 * Masks the secrets inside a text. Masking the result again does not change it.
 * @param isCut true when the text is the beginning of a longer one: a URL at its end may then contain
 *   credentials although their `@` is missing
 */
export function maskText(text: string, isCut = false): string {
  if (text.length < LEAST || !HINT.test(text)) return text;
  if (!isCut && !MORE_THAN_PAIRS.test(text)) return maskAssigned(text);
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

/** Like `maskUser`, for a text that may be cut before the `@`. */
function maskUserOrCut(text: string, at: number, whole: string): string {
  return maskUserBefore(text, at + text.length < whole.length ? text.lastIndexOf('@') : text.length);
}

/**
 * Masks the credentials in `://user:password@host` and `://token@host`, also in a URL inside another URL.
 * @param at index of the `@`, or of the end of the text
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
    return isTokenUser(user) ? text.slice(0, start) + CENSORED + text.slice(at) : text;
  }
  return text;
}

/** Words that happen to follow "bearer" in a sentence are short and have no digit. */
const maskBearer = (whole: string, scheme: string, token: string): string =>
  token.length >= 16 || /\d/.test(token) ? scheme + CENSORED : whole;

/** Masks basic credentials if they decode to a user and a password with a colon between them (RFC 7617). */
function maskBasic(whole: string, scheme: string, credentials: string): string {
  const isPair = /^[^\p{Cc}:]*:\P{Cc}*$/u.test(Buffer.from(credentials, 'base64').toString());
  return isPair ? scheme + CENSORED : whole;
}
