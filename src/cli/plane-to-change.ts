// The admin plane for commands that change a process. Several projects of one machine have the same default
// address, so what listens there may be the process of another one.
import { realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { defaultConfigFile } from '../config/config-file.js';
import { sourceFile } from '../source-file.js';
import type { AdminClient } from './admin-client.js';
import { type AdminOptions, adminPlane } from './admin-plane.js';
import { CommandFailure } from './command-failure.js';

/**
 * @throws CommandFailure when the plane was not named by --admin, and belongs to a process of another project
 *   on this machine; as `adminPlane`
 */
export async function planeToChange(options: AdminOptions): Promise<AdminClient> {
  const plane = await adminPlane(options);
  const folder = options.admin === undefined ? folderOfProject(options.config) : undefined;
  if (folder === undefined) return plane;
  // A process of an older version does not say where it runs.
  const running = (await plane.find('/overview', 'overview'))?.process;
  if (running?.folder === undefined || running.host !== hostname()) return plane;
  if (realOf(running.folder) === realOf(folder)) return plane;
  throw new CommandFailure(
    `the process at ${plane.url} (pid ${running.pid}) runs the project in ${running.folder}, not the one in ${folder}: ` +
      `start that one, correct its ADMIN_PORT, or name the process with --admin ${plane.url}`,
  );
}

/** undefined: there is no project here. */
function folderOfProject(given: string | undefined): string | undefined {
  const config = given === undefined ? defaultConfigFile(process.cwd()) : resolve(given);
  return config && dirname(sourceFile(config));
}

/** A folder of another container need not exist here. */
function realOf(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
