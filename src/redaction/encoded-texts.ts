// Masks secrets in texts that may be percent-encoded: paths and URLs of clients, and settings. The rules of
// secret-texts.ts see few secrets there, because the signs around them are encoded.
import { CENSORED } from './secret-pairs.js';
import { maskText } from './secret-texts.js';

/** A text may be encoded several times. What is encoded more often than this is shown. */
const MOST_LAYERS = 3;

/**
 * Masks the secrets inside a text. A part between slashes is masked as a whole when its secret can only be
 * seen after decoding, and so is the whole text when the secret reaches over a slash.
 */
export function maskEncoded(text: string): string {
  const masked = maskText(text);
  if (!masked.includes('%')) return masked;
  const parts = masked.split('/').map((part) => (hidesSecret(part) ? CENSORED : part));
  const shown = parts.join('/');
  return hidesSecret(shown) ? CENSORED : shown;
}

function hidesSecret(text: string): boolean {
  let plain = text;
  for (let layer = 0; layer < MOST_LAYERS && plain.includes('%'); layer++) {
    plain = decoded(plain);
    if (maskText(plain) !== plain) return true;
  }
  return false;
}

/** Unlike `decodeURIComponent` it accepts any text: octets that are no UTF-8 hide nothing beside them. */
const decoded = (text: string): string =>
  text.replaceAll(/(?:%[\da-f]{2})+/gi, (octets) =>
    Buffer.from(octets.replaceAll('%', ''), 'hex').toString(),
  );
