// Decides by a name whether its value is a secret: the name of a field, header field, parameter or setting.
// All output for people uses this list: logs, spans, `--check`, error texts. Names are compared word by word:
// `accessToken`, `access_token`, `X-Access-Token` and `ACCESS_TOKEN` are the same name, and `tokenizer` or
// `monkey` are no secrets.

/**
 * Words that make a value a secret wherever they are in a name, also at the end of a longer word
 * (`pgpassword`). The value of a plural is a secret unless it is a number, which may be a count.
 */
const SECRETS =
  'password passwd pwd passphrase passcode secret token credential cookie apikey accesskey privatekey secretkey ' +
  'sessionid sessid';
/** Words that make a value a secret as the last word of a name. */
const LAST =
  'authorization auth jwt bearer pass pw pswd creds session csrf xsrf signature sig pin otp totp cvv cvc sid mnemonic';
/** Pairs of words that make a value a secret: the second word, with the words that may precede it. */
const PHRASES: Readonly<Record<string, string>> = {
  key:
    'private api access secret signing encryption decryption master ssh shared auth hmac account session tls ssl ' +
    'admin root webhook license subscription functions vapid',
  code: 'auth authorization backup mfa otp pin recovery security verification',
  id: 'session secret',
  verifier: 'code',
};
/**
 * Last words of names whose value describes a secret but is none: `tokenType`, `passwordChangedAt`.
 */
const ABOUT =
  'type types kind name names field header id ids at on by expires expiry expiration expired ttl age url uri endpoint ' +
  'host path file folder dir directory policy rule rules length size count counts limit min max total used usage ' +
  'budget left remaining bucket rate status state version algorithm alg valid invalid required enabled disabled ' +
  'present missing set ok changed updated created issued rotated format prefix scheme domain index position source ' +
  'issuer audience scope scopes strength attempts error errors reason manager provider store service validator ' +
  'parser generator handler middleware duration ms seconds days timeout interval env column label placeholder ' +
  'options config settings last4';

/** The values of a name that are secrets: none, all except numbers (a plural may name a count), or all. */
type Secrecy = 'never' | 'text' | 'always';

const wordsIn = (list: string): readonly string[] => list.split(' ');

/** A word of `SECRETS` at the end of a name's word, perhaps as a plural, perhaps with digits behind it. */
const SECRET_WORD = new RegExp(`(?:${wordsIn(SECRETS).join('|')})(s?)\\d*$`);
/** The words of `LAST`, `ABOUT` and `PHRASES` as sets. */
const LAST_WORDS: ReadonlySet<string> = new Set(wordsIn(LAST));
const ABOUT_SECRETS: ReadonlySet<string> = new Set(wordsIn(ABOUT));
const SECOND_WORDS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(PHRASES).map(([second, first]) => [second, new Set(wordsIn(first))]),
);

/** Only the last characters of a longer name are examined. */
const MAX_NAME = 128;
/** Size of the cache of decisions. Most programs use few names; a full cache is cleared. */
const MAX_KNOWN = 2_000;
const known = new Map<string, Secrecy>();

/** Whether a value of this name is a secret. Booleans, null and undefined never are. */
export function isSecret(name: string, value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return secrecyOf(name) !== 'never' && !isWorkingFolder(name, value);
    case 'bigint':
      return secrecyOf(name) !== 'never';
    case 'number':
      return secrecyOf(name) === 'always';
    case 'object':
      return value !== null && secrecyOf(name) !== 'never';
    default:
      return false;
  }
}

/**
 * True for the variables PWD and OLDPWD of a shell, which hold a folder. In other programs PWD is a password.
 */
export const isWorkingFolder = (name: string, value: string): boolean =>
  /^(?:OLD)?PWD$/.test(name) && /^(?:\/[\w.@+-]*)+$/.test(value);

/** Whether a string of this name is a secret. */
export const isSecretName = (name: string): boolean => secrecyOf(name) !== 'never';

/**
 * Whether a string is so surely the name of a secret header field that the item after it in a list is masked:
 * it has a hyphen, or is `authorization` or `cookie`.
 */
export const isSecretHeader = (name: string): boolean =>
  (name.includes('-') || /^(?:authorization|cookie)$/i.test(name)) && isSecretName(name);

function secrecyOf(name: string): Secrecy {
  const before = known.get(name);
  if (before !== undefined) return before;
  const secrecy = judge(wordsOf(name.slice(-MAX_NAME)));
  if (name.length > MAX_NAME) return secrecy;
  if (known.size >= MAX_KNOWN) known.clear();
  // The key is copied, because a substring would keep the whole text in memory.
  known.set(Buffer.from(name, 'utf16le').toString('utf16le'), secrecy);
  return secrecy;
}

function judge(words: readonly string[]): Secrecy {
  // `X-Hub-Signature-256` ends with "signature", and so does `signature2`.
  const end = words.findLastIndex((word) => /\D/.test(word));
  const last = words[end] ?? '';
  if (ABOUT_SECRETS.has(last) && !isPhrase(words, end)) return 'never';
  let secrecy: Secrecy = LAST_WORDS.has(last.replace(/\d+$/, '')) ? 'always' : 'never';
  for (const [at, word] of words.entries()) {
    if (secrecy === 'always') break;
    if (isPhrase(words, at)) secrecy = /s\d*$/.test(word) ? 'text' : 'always';
    // `passWord` and `pass-phrase` are found by joining two words.
    const plural = (SECRET_WORD.exec(word) ?? SECRET_WORD.exec((words[at - 1] ?? '') + word))?.[1];
    if (plural !== undefined) secrecy = plural === '' ? 'always' : 'text';
  }
  return secrecy;
}

const isPhrase = (words: readonly string[], at: number): boolean =>
  SECOND_WORDS.get(words[at]!.replace(/s?\d*$/, ''))?.has(words[at - 1] ?? '') === true;

/** Splits a name into words: `x-api-key`, `XApiKey` and `X_API_KEY` are `x`, `api` and `key`. */
const wordsOf = (name: string): readonly string[] =>
  name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== '');
