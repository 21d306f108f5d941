// Reads REGISTRY_ACCEPT_TOKENS_FILE. Each line has a delegate token (credentials.ts) and the services that
// its holder may register here.

import { readFile } from 'node:fs/promises';
import { NEW_TOKEN, TOKEN_CHARACTERS } from '../config/setting-kinds.js';
import { errorMessage } from '../error-text.js';
import { ConfigError } from '../errors.js';
import { isServiceName } from '../service-name.js';
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
 * @throws ConfigError that names a line of another form, with a token of fewer than 32 characters or one of
 *   an earlier line, or with a name that no service can have
 */
export function parseAcceptTokens(text: string, file: string): Delegate[] {
  const lineOf = new Map<string, number>();
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
    // The name may be a token that stands in the wrong place, so it is not shown.
    const wrong = grants.findIndex((name) => !isServiceName(name));
    if (wrong !== -1) {
      throw new ConfigError(
        `REGISTRY_ACCEPT_TOKENS_FILE: ${file} line ${index + 1}: service ${wrong + 1} of the line is not the ` +
          'name of a service: up to 63 lower-case letters, digits and hyphens, beginning with a letter, with ' +
          'commas and no spaces between names',
      );
    }
    const before = lineOf.get(token);
    if (before !== undefined) {
      throw new ConfigError(
        `REGISTRY_ACCEPT_TOKENS_FILE: ${file} line ${index + 1} has the token of line ${before}; ` +
          'name all services of a token in one line',
      );
    }
    lineOf.set(token, index + 1);
    return [{ token, grants }];
  });
}
