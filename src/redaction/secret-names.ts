// Which names say that their value is a secret: names of fields, header fields, parameters, settings. The one
// list for everything that shows values to people: logs, spans, `--check`, error texts. It goes by words, so
// `accessToken`, `access_token`, `X-Access-Token` and `ACCESS_TOKEN` are one name, and `tokenizer` or
// `monkey` are none.

/**
 * Wherever they are in a name, also at the end of a longer word (`pgpassword`). A plural is one as text only.
 */
const SECRETS =
  'password passwd pwd passphrase passcode secret token credential cookie apikey accesskey privatekey secretkey ' +
  'sessionid sessid';
/** As the last word of a name. */
const LAST =
  'authorization auth jwt bearer pass pw pswd creds session csrf xsrf signature sig pin otp totp cvv cvc sid mnemonic';
/** Secrets of two words: what comes before the second. A plural is one as text only. */
const PHRASES: Readonly<Record<string, string>> = {
  key:
    'private api access secret signing encryption decryption master ssh shared auth hmac account session tls ssl ' +
    'admin root webhook license subscription functions vapid',
  code: 'auth authorization backup mfa otp pin recovery security verification',
  id: 'session secret',
  verifier: 'code',
};
/**
 * Last words of names whose value tells something about a secret, and is none: `tokenType`,
 * `passwordChangedAt`.
 */
const ABOUT =
  'type types kind name names field header id ids at on by expires expiry expiration expired ttl age url uri endpoint ' +
  'host path file folder dir directory policy rule rules length size count counts limit min max total used usage ' +
  'budget left remaining bucket rate status state version algorithm alg valid invalid required enabled disabled ' +
  'present missing set ok changed updated created issued rotated format prefix scheme domain index position source ' +
  'issuer audience scope scopes strength attempts error errors reason manager provider store service validator ' +
  'parser generator handler middleware duration ms seconds days timeout interval env column label placeholder ' +
  'options config settings last4';

/** Values that are secrets: none, all but numbers (how many there are, by a plural), or all. */
type Secrecy = 'never' | 'text' | 'always';

const wordsIn = (list: string): readonly string[] => list.split(' ');

const SECRET_WORD = new RegExp(`(?:${wordsIn(SECRETS).join('|')})(s?)\\d*$`);
const LAST_WORDS: ReadonlySet<string> = new Set(wordsIn(LAST));
const ABOUT_SECRETS: ReadonlySet<string> = new Set(wordsIn(ABOUT));
const SECOND_WORDS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(PHRASES).map(([second, first]) => [second, new Set(wordsIn(first))]),
);

/** Longer names are judged by their end. */
const MAX_NAME = 128;
/** Names that have been judged. Most programs use few; one that makes them up starts the list anew. */
const MAX_KNOWN = 2_000;
const known = new Map<string, Secrecy>();

/** Whether a member of this name and value is a secret. What is absent, and `true` or `false`, is none. */
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

/** The variables of a shell that are no passwords, although another program may call its password so. */
export const isWorkingFolder = (name: string, value: string): boolean =>
  /^(?:OLD)?PWD$/.test(name) && /^(?:\/[\w.@+-]*)+$/.test(value);

/** Whether a text of this name is a secret. */
export const isSecretName = (name: string): boolean => secrecyOf(name) !== 'never';

/**
 * Whether it can only be the name of a header field that is a secret, also where nothing says that it is one.
 */
export const isSecretHeader = (name: string): boolean =>
  (name.includes('-') || /^(?:authorization|cookie)$/i.test(name)) && isSecretName(name);

function secrecyOf(name: string): Secrecy {
  const before = known.get(name);
  if (before !== undefined) return before;
  const secrecy = judge(wordsOf(name.slice(-MAX_NAME)));
  if (name.length > MAX_NAME) return secrecy;
  if (known.size >= MAX_KNOWN) known.clear();
  // A copy: one that was cut out of a text would keep all of it.
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
    // Also `passWord` and `pass-phrase`.
    const plural = (SECRET_WORD.exec(word) ?? SECRET_WORD.exec((words[at - 1] ?? '') + word))?.[1];
    if (plural !== undefined) secrecy = plural === '' ? 'always' : 'text';
  }
  return secrecy;
}

const isPhrase = (words: readonly string[], at: number): boolean =>
  SECOND_WORDS.get(words[at]!.replace(/s?\d*$/, ''))?.has(words[at - 1] ?? '') === true;

/** `x-api-key`, `XApiKey` and `X_API_KEY` are `x`, `api` and `key`. */
const wordsOf = (name: string): readonly string[] =>
  name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== '');
