// `multilane dev`, put together: the process as a child, the watch of the files that it consists of, and the
// loop that reloads or restarts. When the project does not start, its error is on stderr and the loop waits
// for the next change.
import { fileURLToPath } from 'node:url';
import { parseCommandLine } from '../config/command-line.js';
import { configFileOf } from '../config/config-file.js';
import { mayOpenBrowser } from '../config/screen.js';
import { openBrowser } from './browser.js';
import { ChangeLoop } from './dev/change-loop.js';
import { DefinitionProbe } from './dev/definition-probe.js';
import { DevPostgres } from './dev/dev-postgres.js';
import { projectFilesOf } from './dev/project-files.js';
import { DevProcess } from './dev-process.js';
import { ProjectWatch } from './project-watch.js';

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
  const guide = dashboardGuide(isQuiet || !mayOpenBrowser());
  const flags = ['--development', ...argv];
  const postgres = new DevPostgres(report);
  const child = new DevProcess(PRIMARY, flags, {
    died: (how) => report(`the process has ended (${how}); waiting for a change`),
    ready: ({ adminPlane }) => guide(adminPlane),
    started: (started) => postgres.serve(started),
  });
  // With `--help`, `--version` or `--check` the process prints a text and exits.
  if (commandLine.infoFlags.size > 0) return child.run();
  const cwd = process.cwd();
  const config = configFileOf(cwd, commandLine);

  const probe = new DefinitionProbe({ argv: flags, isTTY: process.stdout.isTTY === true });
  const print = (text: string): boolean => process.stderr.write(text);
  const loop = new ChangeLoop({ child, probe, report, print });
  const watch = new ProjectWatch({
    files: () => projectFilesOf(config, cwd),
    changed: (changes) => loop.changed(changes),
    failed: (error) => report(`cannot watch: ${String(error)}`),
  });
  const ended = new Promise<void>((resolveEnd) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => void child.stop().then(resolveEnd));
    }
  });
  await watch.start();
  loop.start();
  await ended;
  probe.close();
  await watch.close();
  await postgres.stop();
  return 0;
}
