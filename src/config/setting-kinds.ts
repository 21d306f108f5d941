// Kinds of settings: how text is parsed, how an error describes the expected value, and how a value is shown.

import { parseRate, type Rate, rateText } from '../rate.js';
import { maskEncoded } from '../redaction/encoded-texts.js';
import { isSecretName } from '../redaction/secret-names.js';
import { CENSORED } from '../redaction/secret-pairs.js';

export interface SettingKind<T> {
  /** The type with its article, which completes "is not …": `a whole number`. */
  readonly type: string;
  /** The allowed range: `from 0 to 65535`. */
  readonly range?: string;
  /** All values, where there are a few; shells offer them. */
  readonly choices?: readonly string[];
  /** True: messages never contain the value, and `show` masks it. */
  readonly secret?: boolean;
  /** Parses text; undefined: the text is not of this kind. */
  parse(text: string): T | undefined;
  /** The value as text for people, without secrets. */
  show(value: T): string;
  /**
   * Converts a value of a configuration file to text for `parse`; undefined: the value has the wrong type.
   */
  fromFile(value: unknown): string | undefined;
}

export const MASK = '***';

/** Masks secrets by their form, in texts that need not contain any. */
export const maskForms = (text: string): string => maskEncoded(text).replaceAll(CENSORED, MASK);

const plainText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

export function whole(min: number, max: number): SettingKind<number> {
  return {
    type: 'a whole number',
    range: `from ${min} to ${max}`,
    parse(text) {
      if (!/^\d{1,15}$/.test(text)) return undefined;
      const value = Number(text);
      return value >= min && value <= max ? value : undefined;
    },
    show: String,
    fromFile: (value) => (typeof value === 'number' ? String(value) : plainText(value)),
  };
}

export const ratio: SettingKind<number> = {
  type: 'a number',
  range: 'from 0 to 1',
  parse(text) {
    if (!/^(\d+\.?\d*|\.\d+)$/.test(text)) return undefined;
    const value = Number(text);
    return value <= 1 ? value : undefined;
  },
  show: String,
  fromFile: (value) => (typeof value === 'number' ? String(value) : plainText(value)),
};

/** A share that can also be switched on and off as a whole. */
export const share: SettingKind<number> = {
  type: 'off, on, or a number',
  range: 'from 0 to 1',
  parse(text) {
    const isOn = onOff.parse(text);
    return isOn === undefined ? ratio.parse(text) : Number(isOn);
  },
  show: (value) => (value === 0 ? 'off' : value === 1 ? 'on' : String(value)),
  fromFile: (value) => (typeof value === 'boolean' ? String(value) : ratio.fromFile(value)),
};

export function oneOf<const T extends string>(...choices: readonly T[]): SettingKind<T> {
  const [only] = choices;
  return {
    type: choices.length === 1 ? `${only}, the only choice so far` : 'one of',
    ...(choices.length === 1 ? {} : { range: choices.join(', ') }),
    choices,
    parse: (text) => choices.find((choice) => choice === text.toLowerCase()),
    show: String,
    fromFile: plainText,
  };
}

const SWITCH: Readonly<Record<string, boolean>> = { on: true, true: true, off: false, false: false };

export const onOff: SettingKind<boolean> = {
  type: 'on or off',
  choices: ['on', 'off'],
  parse: (text) => (Object.hasOwn(SWITCH, text.toLowerCase()) ? SWITCH[text.toLowerCase()] : undefined),
  show: (value) => (value ? 'on' : 'off'),
  fromFile: (value) => (typeof value === 'boolean' ? String(value) : plainText(value)),
};

/** A rate limit; null: off. */
export const rate: SettingKind<Rate | null> = {
  type: 'a rate (`N/second` or `N/minute`, optionally `;burst=B` that is back within a day) or off',
  parse: (value) => (value.toLowerCase() === 'off' ? null : parseRate(value)),
  show: (value) => (value === null ? 'off' : rateText(value)),
  fromFile: (value) => (value === false ? 'off' : plainText(value)),
};

export const text: SettingKind<string> = {
  type: 'a string',
  parse: (value) => (value === '' ? undefined : value),
  show: maskForms,
  fromFile: plainText,
};

export const path: SettingKind<string> = { ...text, type: 'a path' };

/** The path of a route without parameters; null: there is no such route. */
export const routePath: SettingKind<string | null> = {
  type: 'a path of letters, digits and - . _ ~ that begins with / and does not end with it, or off',
  parse: (value) =>
    value.toLowerCase() === 'off'
      ? null
      : /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)+$/.test(value)
        ? value
        : undefined,
  show: (value) => value ?? 'off',
  fromFile: (value) => (value === false ? 'off' : plainText(value)),
};

/** A bearer token: characters that a header field may contain (RFC 9110 section 5.5), without blanks. */
export const token: SettingKind<string> = {
  ...text,
  type: 'a token (visible ASCII characters, no blanks)',
  secret: true,
  parse: (value) => (/^[\x21-\x7e]+$/.test(value) ? value : undefined),
  show: () => MASK,
};

/**
 * Least length of a token. RFC 6750 requires tokens that cannot be guessed; 32 characters of base64 are 192
 * bits.
 */
export const TOKEN_CHARACTERS = 32;
/** The advice in messages about a token that is too short. */
export const NEW_TOKEN = 'for example the output of "openssl rand -hex 32"';

/** A token that grants access over the network, so it must not be guessable. */
export const longToken: SettingKind<string> = {
  ...token,
  range: `of at least ${TOKEN_CHARACTERS} characters, ${NEW_TOKEN}`,
  parse: (value) => (value.length < TOKEN_CHARACTERS ? undefined : token.parse(value)),
};

/**
 * @param items name of the items, which completes "a comma-separated list of …"
 * @param item checks and normalizes one item; undefined: it is wrong
 */
export function listOf(
  items: string,
  item: (text: string) => string | undefined,
): SettingKind<readonly string[]> {
  return {
    type: `a comma-separated list of ${items}`,
    parse(value) {
      const parsed = value.split(',').map((part) => item(part.trim()));
      const known = parsed.filter((part) => part !== undefined);
      return known.length === parsed.length ? [...new Set(known)] : undefined;
    },
    show: (value) => (value.length === 0 ? 'none' : maskForms(value.join(','))),
    fromFile(value) {
      if (!Array.isArray(value)) return plainText(value);
      return value.every((part) => typeof part === 'string' && !part.includes(','))
        ? value.join(',')
        : undefined;
    },
  };
}

/**
 * Pairs `key=value,key2=value2` with percent-encoded values, as in OTEL_RESOURCE_ATTRIBUTES (W3C Baggage).
 */
export const pairs: SettingKind<Readonly<Record<string, string>>> = {
  type: 'a comma-separated list of key=value',
  parse(value) {
    const found: Record<string, string> = {};
    for (const member of value.split(',').map((part) => part.trim())) {
      if (member === '') continue;
      const equals = member.indexOf('=');
      const key = decoded(member.slice(0, Math.max(0, equals)).trim());
      const content = decoded(member.slice(equals + 1).trim());
      if (!key || content === undefined) return undefined;
      found[key] = content;
    }
    return found;
  },
  show: (value) => shownPairs(value, (content, key) => (isSecretName(key) ? MASK : shownContent(content))),
  fromFile(value) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return plainText(value);
    const members = Object.entries(value);
    if (!members.every(([, content]) => typeof content === 'string')) return undefined;
    return members.map((pair) => pair.map(encodeURIComponent).join('=')).join(',');
  },
};

/** Pairs such as header fields with API keys: their names are shown, their values are not. */
export const secretPairs: SettingKind<Readonly<Record<string, string>>> = {
  ...pairs,
  secret: true,
  show: (value) => shownPairs(value, () => MASK),
};

/** A value with a secret inside is masked as a whole, because the secret is found before it is encoded. */
const shownContent = (content: string): string =>
  maskForms(content) === content ? encodeURIComponent(content) : MASK;

function shownPairs(
  value: Readonly<Record<string, string>>,
  shown: (content: string, key: string) => string,
): string {
  const members = Object.entries(value).map(([key, content]) => `${key}=${shown(content, key)}`);
  return members.length === 0 ? 'none' : members.join(',');
}

function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined; // a single % or invalid UTF-8: the caller reports the whole value
  }
}
