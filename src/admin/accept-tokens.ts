// Reads REGISTRY_ACCEPT_TOKENS_FILE. Each line has a delegate token (credentials.ts) and the services that
// its holder may register here.

import { readFile } from 'node:fs/promises';
import { NEW_TOKEN, TOKEN_CHARACTERS } from '../config/setting-kinds.js';
import { errorMessage } from '../error-text.js';
import { ConfigError } from '../errors.js';
import type { Delegate } from './credentials.js';

/** @throws ConfigError that names the file and the wrong line, and never contains a token */
export async function readAcceptTokens(file: string | undefined): Promise<readonly Delegate[]> {
  if (file === undefined) return [];
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`REGISTRY_ACCEPT_TOKENS_FILE: cannot read ${file}: ${errorMessage(error)}`);
  }
  return parseAcceptTokens(text, file);
}

/**
 * Parses lines of the form `token service,service…`. Empty lines and `#` comments are skipped.
 * @throws ConfigError that names a line of another form, or with a token of fewer than 32 characters
 */
export function parseAcceptTokens(text: string, file: string): Delegate[] {
  return text.split('\n').flatMap((line, index) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    const [token = '', services = '', ...rest] = trimmed.split(/\s+/);
    const grants = services.split(',').filter((name) => name !== '');
    if (grants.length === 0 || rest.length > 0) {
      throw new ConfigError(
        `REGISTRY_ACCEPT_TOKENS_FILE: ${file} line ${index + 1} is not "token service,service…"`,
      );
    }
    if (token.length < TOKEN_CHARACTERS) {
      throw new ConfigError(
        `REGISTRY_ACCEPT_TOKENS_FILE: ${file} line ${index + 1}: the token has ${token.length} characters; ` +
          `it must have at least ${TOKEN_CHARACTERS}, ${NEW_TOKEN}`,
      );
    }
    return [{ token, grants }];
  });
}
