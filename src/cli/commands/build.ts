// `multilane build`: compiles a project of TypeScript into a folder that every supported Node.js runs.
import { basename, dirname, relative } from 'node:path';
import type { Command } from 'commander';
import { configFileOf } from '../../config/config-file.js';
import { counted } from '../../counted.js';
import { print } from '../output.js';

interface Options {
  readonly config?: string;
  readonly out?: string;
  readonly tests?: boolean;
}

export function buildCommand(program: Command): void {
  program
    .command('build')
    .description('compile a project of TypeScript, and copy the files that it reads')
    .option('--config <file>', 'configuration file instead of multilane.config.ts')
    .option('--out <dir>', 'folder of the result; default: dist, or build with --tests')
    .option('--tests', 'build the tests and their files as well')
    .action(async ({ config: given, out, tests = false }: Options) => {
      const folder = process.cwd();
      const config = configFileOf(folder, { config: given, demo: false })!;
      const { buildProject, isTypeScript } = await import('../build-project.js');
      if (!isTypeScript(config)) {
        const flag = dirname(config) === folder ? '' : ` --config ${relative(folder, config)}`;
        await print([
          `${basename(config)} is no TypeScript, so there is nothing to build. Start it as it is:`,
          `  npx multilane start${flag}`,
        ]);
        return;
      }
      const built = await untilSignal((signal) =>
        buildProject({
          ...{ folder, config, signal },
          out: out ?? (tests ? 'build' : 'dist'),
          withTests: tests,
          warn: (warning) => process.stderr.write(`multilane: warning: ${warning}\n`),
        }),
      );
      const result = relative(folder, built.folder);
      await print([
        `${result}: ${counted(built.modules, 'module')} compiled, ${counted(built.assets, 'file')} copied. Next:`,
        tests
          ? `  node --enable-source-maps --test ${result}/test/*.test.js`
          : `  npx multilane start --config ${relative(folder, built.config)}`,
      ]);
    });
}

/** Does work that SIGINT, SIGTERM and SIGHUP interrupt, so that it can remove what it has begun. */
async function untilSignal<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, end);
  try {
    return await work(ending.signal);
  } finally {
    for (const signal of signals) process.off(signal, end);
  }
}
