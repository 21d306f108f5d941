// Whether a person is at the terminal and can be shown a page in a browser, by the variables that terminals,
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
  isTerminal: process.stdin.isTTY && process.stderr.isTTY,
});

export function mayOpenBrowser({ env, platform, isTerminal }: Seat = hereNow()): boolean {
  const isSet = (name: string): boolean => !['', '0', 'false', undefined].includes(env[name]);
  if (!isTerminal || isSet('CI') || isSet('SSH_CONNECTION')) return false;
  // Without a screen `xdg-open` starts a browser in the terminal.
  return platform === 'darwin' || isSet('DISPLAY') || isSet('WAYLAND_DISPLAY');
}
