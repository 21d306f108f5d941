// Opens a page in the browser of the person at the terminal. Libraries for this also find browsers by name,
// and those of Windows; here the address is always one of this process, and the systems are Linux and macOS.
import { spawn } from 'node:child_process';

/** Does nothing where there is no browser. */
export function openBrowser(url: string): void {
  const opener = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(opener, [url], { stdio: 'ignore', detached: true });
  child.once('error', () => undefined);
  child.unref();
}
