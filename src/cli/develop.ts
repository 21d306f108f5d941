// The loop of `multilane dev`: run, wait for a change, stop, run again. A project that does not start has
// said why on stderr; it waits for the next change like one that serves.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseCommandLine } from '../config/command-line.js';
import { configFileOf } from '../config/config-file.js';
import { DevProcess } from './dev-process.js';
import { watchProject } from './project-watch.js';

const PRIMARY = fileURLToPath(new URL('../primary.js', import.meta.url));
/** Nobody waits for a person's own requests: flags that are given come later and win. */
const QUICK = ['--drain-ms=1000'];

const say = (line: string): boolean => process.stderr.write(`multilane dev: ${line}\n`);

/**
 * @returns the exit code, when a signal has ended it
 * @throws ConfigError when there is no project to watch
 */
export async function develop(argv: readonly string[]): Promise<number> {
  const commandLine = parseCommandLine(argv);
  const { asks } = commandLine;
  const child = new DevProcess(PRIMARY, [...QUICK, ...argv], (how) =>
    say(`ended (${how}), waiting for a change`),
  );
  // `--help` and the like print and are done.
  if (asks.size > 0) return child.run();
  const cwd = process.cwd();
  const config = configFileOf(cwd, commandLine);
  const folders = config === undefined ? [cwd] : [cwd, dirname(config)];

  const watcher = await watchProject(folders, (files) => {
    say(`${files.join(', ')} changed`);
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
