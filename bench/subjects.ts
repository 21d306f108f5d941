// The measured servers. The first is the baseline of every ratio. The second is the same program again (A/A):
// the distance of its ratio from 1 shows the noise of the machine.
import { fileURLToPath } from 'node:url';
import type { ServerCommand } from './process/server.js';
import type { Scenario } from './scenarios/scenarios.js';

export interface Subject extends ServerCommand {
  readonly scenarios: readonly Scenario['name'][];
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const raw = here('./peers/raw-uws/primary.js');
const ours = here('../../dist/primary.js');

/** @param scratch an empty folder of the run, for the working directories and the data of our servers */
export function subjects(workers: number, scratch: string): readonly Subject[] {
  // All other settings have their defaults, as for a user.
  const settings = {
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
    WORKERS: `${workers}`,
  };
  return [
    { name: 'raw uWebSockets.js', args: [raw, `${workers}`], scenarios: ['health', 'json'] },
    { name: 'raw again (A/A)', args: [raw, `${workers}`], scenarios: ['health', 'json'] },
    {
      name: 'multilane',
      args: [ours, '--config', here('./peers/multilane/multilane.config.js')],
      env: { ...settings, DATA_DIR: `${scratch}/bench` },
      cwd: scratch,
      scenarios: ['health', 'json'],
    },
    {
      name: 'multilane, whole shop',
      args: [ours, '--demo'],
      env: { ...settings, DATA_DIR: `${scratch}/shop` },
      cwd: scratch,
      scenarios: ['health'],
    },
  ];
}
