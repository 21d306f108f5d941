// Whether a person is at the terminal, and can be shown a page in a browser, by the variables that terminals,
// CI systems and desktops set.
import type { Environment } from './environment.js';

export interface Seat {
  readonly env: Environment;
  readonly platform: NodeJS.Platform;
  /** Whether input and output are a terminal. */
  readonly isTerminal: boolean;
}

const hereNow = (): Seat => ({
  env: process.env,
  platform: process.platform,
  isTerminal: process.stdin.isTTY === true && process.stderr.isTTY === true,
});

const isSet = (env: Environment, name: string): boolean => !['', '0', 'false', undefined].includes(env[name]);

/** Whether a person can answer a question of a command. */
export const mayAsk = ({ env, isTerminal }: Seat = hereNow()): boolean => isTerminal && !isSet(env, 'CI');

export function mayOpenBrowser(seat: Seat = hereNow()): boolean {
  const { env, platform } = seat;
  if (!mayAsk(seat) || isSet(env, 'SSH_CONNECTION')) return false;
  // Without a screen `xdg-open` starts a browser in the terminal.
  return platform === 'darwin' || isSet(env, 'DISPLAY') || isSet(env, 'WAYLAND_DISPLAY');
}
