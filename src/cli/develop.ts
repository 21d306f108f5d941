// `multilane dev`, put together: the process as a child, the watch of the files that it consists of, and the
// loop that reloads or restarts. When the project does not start, its error is on stderr and the loop waits
// for the next change.
import { fileURLToPath } from 'node:url';
import { parseCommandLine } from '../config/command-line.js';
import { configFileOf } from '../config/config-file.js';
import { mayOpenBrowser } from '../config/screen.js';
import { checkStartSources } from '../config/start-sources.js';
import { Signals } from '../process/signals.js';
import { openBrowser } from './browser.js';
import { isTypeScript } from './build-project.js';
import { ChangeLoop } from './dev/change-loop.js';
import { DefinitionProbe } from './dev/definition-probe.js';
import { DevPostgres } from './dev/dev-postgres.js';
import { buildForDevelopment, flagsOfBuild, needsBuild } from './dev/development-build.js';
import { ProjectSearch } from './dev/project-search.js';
import { TypeCheck } from './dev/type-check.js';
import { DevProcess } from './dev-process.js';
import { ProjectWatch } from './project-watch.js';

const PRIMARY = fileURLToPath(new URL('../primary.js', import.meta.url));

const report = (line: string): void => {
  process.stderr.write(`multilane dev: ${line}\n`);
};

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

export interface DevelopOptions {
  /** Whether the dashboard may be opened in a browser. */
  readonly opensDashboard: boolean;
  /** Whether the types of a TypeScript project are checked beside the process. */
  readonly checksTypes: boolean;
}

/** How long a second signal waits for an end that is under way: a process ends within 2 s of it. */
const AT_ONCE_MS = 2_000;

/**
 * Runs until a signal ends it; a second one does not wait for an orderly end.
 * @returns the exit code
 * @throws ConfigError when there is no project to watch, and for a wrong flag or environment variable
 */
export async function develop(argv: readonly string[], options: DevelopOptions): Promise<number> {
  const commandLine = parseCommandLine(argv);
  const cwd = process.cwd();
  const asksForText = commandLine.infoFlags.size > 0;
  const config = asksForText ? undefined : configFileOf(cwd, commandLine);
  // The process would end at once, and no change of a file can correct how it was started.
  if (!asksForText) checkStartSources({ argv: ['--development', ...argv] });
  const isBuilt = needsBuild(config);
  const flags = ['--development', ...(isBuilt ? flagsOfBuild(argv, config, cwd) : argv)];
  const guide = dashboardGuide(!options.opensDashboard || !mayOpenBrowser());
  const postgres = new DevPostgres(report);
  const child = new DevProcess(PRIMARY, flags, {
    died: (how) => report(`the process has ended (${how}); waiting for a change`),
    ready: ({ adminPlane }) => guide(adminPlane),
    started: (started) => postgres.serve(started),
  });
  // With `--help`, `--version` or `--check` the process prints a text and exits.
  if (asksForText) return child.run();

  const probe = new DefinitionProbe({ argv: flags, isTTY: process.stdout.isTTY === true });
  const types = typeCheck(config, cwd, options);
  const ending = new AbortController();
  /** What the end has interrupted is not reported. */
  const unlessEnding = (print: (text: string) => void) => (text: string) => {
    if (!ending.signal.aborted) print(text);
  };
  let built: Promise<unknown> = Promise.resolve();
  const build = (file: string): Promise<string | undefined> => {
    const building = buildForDevelopment(file, cwd, report, ending.signal);
    built = building;
    return building;
  };
  const loop = new ChangeLoop({
    ...{ child, probe, report: unlessEnding(report) },
    print: unlessEnding((text) => process.stderr.write(text)),
    ...(isBuilt && { build: () => build(config) }),
    handled: () => void types?.run(),
  });
  const search = new ProjectSearch({ config, cwd, report });
  const watch = new ProjectWatch({
    files: () => search.look(),
    changed: (changes) => loop.changed(changes),
    failed: (error) => report(`cannot watch: ${String(error)}`),
  });
  const end = async (): Promise<void> => {
    ending.abort();
    await child.stop();
    probe.close();
    types?.close();
    await Promise.all([built, watch.close()]);
    await postgres.stop();
  };
  const ended = endBySignals(end, child);
  await Promise.race([watch.start(), ended]);
  if (!ending.signal.aborted) void loop.start();
  return ended;
}

/** @returns the exit code, when the first signal has ended everything, or a second one has cut that short */
function endBySignals(end: () => Promise<void>, child: DevProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let code = 0;
    new Signals(true).handle({
      stop: () => void end().then(() => resolve(code), reject),
      stopNow: () => {
        code = 1;
        // The second SIGTERM makes the child end at once.
        void child.stop();
        setTimeout(() => {
          child.kill();
          resolve(code);
        }, AT_ONCE_MS);
      },
      reload: () => undefined,
      // The child is in the same terminal, and says so.
      explainsSecond: false,
    });
  });
}

/** @returns undefined for a project without TypeScript, and where types are not to be checked */
function typeCheck(
  config: string | undefined,
  folder: string,
  options: DevelopOptions,
): TypeCheck | undefined {
  if (config === undefined || !isTypeScript(config) || !options.checksTypes) return undefined;
  return new TypeCheck({ folder, report });
}
