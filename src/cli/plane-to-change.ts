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
  if (options.admin !== undefined) return plane;
  const config = configOf(options.config);
  const folder = config === undefined ? process.cwd() : dirname(sourceFile(config));
  // A process of an older version does not say where it runs.
  const running = (await plane.find('/overview', 'overview'))?.process;
  if (running?.folder === undefined || running.host !== hostname()) return plane;
  if (realOf(running.folder) === realOf(folder)) return plane;
  const [not, next] =
    config === undefined
      ? [`and there is none in ${folder}`, 'run the command there']
      : [`not the one in ${folder}`, 'start that one, correct its ADMIN_PORT'];
  throw new CommandFailure(
    `the process at ${plane.url} (pid ${running.pid}) runs the project in ${running.folder}, ${not}: ` +
      `${next}, or name the process with --admin ${plane.url}`,
  );
}

/** undefined: there is no project here. */
const configOf = (given: string | undefined): string | undefined =>
  given === undefined ? defaultConfigFile(process.cwd()) : resolve(given);

/** A folder of another container need not exist here. */
function realOf(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
