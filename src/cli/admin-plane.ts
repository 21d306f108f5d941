// Finds the admin plane that a command connects to, and its token.

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { adminTokenFrom } from '../config/environment.js';
import { errorMessage } from '../error-text.js';
import { ConfigError } from '../errors.js';
import { AdminClient } from './admin-client.js';
import { WrongUsage } from './command-failure.js';
import { type ProjectOptions, withProject } from './project-settings.js';

export interface AdminOptions extends ProjectOptions {
  readonly admin?: string;
  readonly tokenFile?: string;
}

/**
 * Adds the options for the admin plane. None is the token itself: all users of a machine can read command
 * lines.
 */
export function withAdmin(command: Command): Command {
  return withProject(command)
    .option('--admin <url>', 'admin plane; default: ADMIN_HOST and ADMIN_PORT of the project in this folder')
    .option(
      '--token-file <file>',
      'file that holds the admin token; default: ADMIN_TOKEN in the environment',
    );
}

/**
 * @throws WrongUsage for a bad URL
 * @throws ConfigError for an unreadable token file, or a wrong setting of the admin plane
 */
export async function adminPlane(options: AdminOptions): Promise<AdminClient> {
  const { admin, tokenFile } = options;
  const named = tokenFile === undefined ? undefined : await tokenIn(tokenFile);
  if (admin !== undefined) return new AdminClient(originOf(admin), named ?? adminTokenFrom());
  const { planeSettings, planeUrl } = await import('./plane-settings.js');
  const settings = await planeSettings(options);
  if (settings.adminPort === 0)
    throw new ConfigError('ADMIN_PORT is 0 (any free port): name the admin plane with --admin URL');
  return new AdminClient(planeUrl(settings), named ?? settings.adminToken);
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new WrongUsage(`--admin: ${JSON.stringify(text)} is not like http://127.0.0.1:9901`);
  }
  if (url.href !== `${url.origin}/`) {
    throw new WrongUsage(`--admin: ${JSON.stringify(text)} has more than host and port: write ${url.origin}`);
  }
  return url.origin;
}

async function tokenIn(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new ConfigError(`--token-file: cannot read ${file}: ${errorMessage(cause)}`, { cause });
  }
  const token = text.trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw new ConfigError(`--token-file: ${file} does not hold one token`);
  return token;
}
