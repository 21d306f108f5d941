// Finds the admin plane that a command connects to, and its token.

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { defaultConfigFile } from '../config/config-file.js';
import { adminTokenFrom } from '../config/environment.js';
import { errorMessage } from '../error-text.js';
import { ConfigError } from '../errors.js';
import { shownHost } from '../process/ready.js';
import { AdminClient } from './admin-client.js';
import { type ProjectOptions, projectSettings, withProject } from './project-settings.js';

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

/** @throws ConfigError for a bad URL, an unreadable token file, or a project that cannot be read */
export async function adminPlane(options: AdminOptions): Promise<AdminClient> {
  const { admin, tokenFile } = options;
  const named = tokenFile === undefined ? undefined : await tokenIn(tokenFile);
  if (admin !== undefined) return new AdminClient(originOf(admin), named ?? adminTokenFrom());
  // In a folder without a project, the environment or the defaults determine the plane.
  const isOutsideProject = options.config === undefined && defaultConfigFile(process.cwd()) === undefined;
  const { adminHost, adminPort, adminToken } = await projectSettings(
    isOutsideProject ? { ...options, demo: true } : options,
  );
  if (adminPort === 0)
    throw new ConfigError('ADMIN_PORT is 0 (any free port): name the admin plane with --admin URL');
  return new AdminClient(`http://${shownHost(adminHost)}:${adminPort}`, named ?? adminToken);
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.pathname !== '/') {
    throw new ConfigError(`--admin: ${JSON.stringify(text)} is not like http://127.0.0.1:9901`);
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
