import { spawnSync } from 'node:child_process';
import { autocannon } from './autocannon.js';
import type { LoadTool } from './load.js';
import { wrk } from './wrk.js';

/**
 * The named load generator; without a name wrk if it is installed, else autocannon.
 * @throws Error when the named one is missing
 */
export function chooseTool(name: LoadTool['name'] | undefined): LoadTool {
  if (name === 'autocannon') return autocannon;
  const installed = spawnSync('wrk', ['--version'], { stdio: 'ignore' }).error === undefined;
  if (name === 'wrk' && !installed) throw new Error('bench: wrk is not installed (Debian package "wrk")');
  return installed ? wrk : autocannon;
}
