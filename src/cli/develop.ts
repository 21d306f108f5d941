// The loop of `multilane dev`: run, wait for a change, stop, run again. When the project does not start, its
// error is on stderr and the loop waits for the next change.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseCommandLine } from '../config/command-line.js';
import { configFileOf } from '../config/config-file.js';
import { mayOpenBrowser } from '../config/screen.js';
import { openBrowser } from './browser.js';
import { DevProcess } from './dev-process.js';
import { watchProject } from './project-watch.js';

const PRIMARY = fileURLToPath(new URL('../primary.js', import.meta.url));

const report = (line: string): boolean => process.stderr.write(`multilane dev: ${line}\n`);

/**
 * Reports where the dashboard is, and opens it once: it follows the process over its restarts.
 * @param isOpened whether nothing is to be opened
 */
function dashboardGuide(isOpened: boolean): (adminPlane: string) => void {
  let reported = '';
  return (adminPlane) => {
    const url = `${adminPlane}/`;
    if (url !== reported) report(`the dashboard is at ${url}`);
    reported = url;
    if (!isOpened) openBrowser(url);
    isOpened = true;
  };
}

/**
 * Runs until a signal ends it.
 * @param isQuiet whether the dashboard is opened in no browser, wherever the command runs
 * @returns the exit code
 * @throws ConfigError when there is no project to watch
 */
export async function develop(argv: readonly string[], isQuiet: boolean): Promise<number> {
  const commandLine = parseCommandLine(argv);
  const { infoFlags } = commandLine;
  const guide = dashboardGuide(isQuiet || !mayOpenBrowser());
  const child = new DevProcess(PRIMARY, ['--development', ...argv], {
    died: (how) => report(`the process has ended (${how}); waiting for a change`),
    ready: ({ adminPlane }) => guide(adminPlane),
  });
  // With `--help`, `--version` or `--check` the process prints a text and exits.
  if (infoFlags.size > 0) return child.run();
  const cwd = process.cwd();
  const config = configFileOf(cwd, commandLine);
  const folders = config === undefined ? [cwd] : [cwd, dirname(config)];

  const watcher = await watchProject(folders, (files) => {
    report(`${files.join(', ')} changed`);
    void child.restart();
  });
  const ended = new Promise<void>((resolveEnd) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => void child.stop().then(resolveEnd));
    }
  });
  child.start();
  await ended;
  await watcher.close();
  return 0;
}
