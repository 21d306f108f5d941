// `multilane new DIR`: writes a small working project, in TypeScript or in JavaScript.
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { version } from '../../config/print.js';
import { mayAsk } from '../../config/screen.js';
import { CommandFailure } from '../command-failure.js';
import { print } from '../output.js';
import { type PackageOrigin, packageOrigin } from '../own-package.js';
import { type Language, writeProject } from '../project-template.js';

/**
 * Names that npm admits for a new package without a scope. npm refuses two of the TAKEN names; with the third
 * one the project could not depend on this package.
 */
const NAME = /^[a-z0-9][a-z0-9._-]{0,213}$/;
const TAKEN: ReadonlySet<string> = new Set(['node_modules', 'favicon.ico', 'multilane']);

interface Options {
  readonly name?: string;
  readonly ts?: true;
  readonly js?: true;
}

export function newCommand(program: Command): void {
  program
    .command('new <dir>')
    .description('write a new project into a folder that is empty or does not exist')
    .option('--ts', 'in TypeScript; the default, for which a terminal is asked')
    .option('--js', 'in JavaScript')
    .option('--name <name>', 'name of its package; default: that of the folder')
    .action(async (dir: string, options: Options, command: Command) => {
      const folder = resolve(dir);
      const name = options.name ?? basename(folder);
      if (TAKEN.has(name)) {
        command.error(
          `error: "${name}" cannot be the name of a package, because it is taken; pass one by --name`,
        );
      }
      if (!NAME.test(name)) {
        command.error(
          `error: "${name}" cannot be the name of a package: lower case letters, digits, - . _; pass one by --name`,
        );
      }
      if (options.ts && options.js) command.error('error: --ts and --js: choose one of them');
      const language = options.js ? 'js' : options.ts ? 'ts' : await chosenLanguage();
      const origin = packageOrigin();
      await writeProject({ folder, name, language, origin });
      await print([
        `${folder} contains a new project in ${language === 'ts' ? 'TypeScript' : 'JavaScript'}. Next:`,
        '',
        `  cd ${dir}`,
        '  npm install',
        '  npm run dev',
        ...originNotes(origin),
      ]);
    });
}

/** What is to be known where `npm install` does not get the package from the registry. */
function originNotes(origin: PackageOrigin): readonly string[] {
  if (origin.kind === 'registry') return [];
  if (origin.kind === 'file') {
    return ['', `npm install takes multilane from ${origin.file}, as this command did; keep that file.`];
  }
  const file = join(origin.folder, `multilane-${version()}.tgz`);
  return [
    '',
    `This command runs from a clone. If npm install does not find multilane ${version()} in the registry, pack it:`,
    '',
    `  (cd ${origin.folder} && npm pack)`,
    `  npm install ${file}`,
  ];
}

/**
 * Asks on a terminal; without one, and in CI, it is TypeScript.
 * @throws CommandFailure when the input ends, or at Ctrl-C
 */
async function chosenLanguage(): Promise<Language> {
  if (!mayAsk()) return 'ts';
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const left = new AbortController();
  terminal.once('close', () => left.abort());
  try {
    for (;;) {
      const answer = await terminal.question('TypeScript or JavaScript? [TypeScript] ', left);
      if (/^(|t|ts|typescript)$/i.test(answer.trim())) return 'ts';
      if (/^(j|js|javascript)$/i.test(answer.trim())) return 'js';
    }
  } catch (cause) {
    throw new CommandFailure('nothing was written', { cause });
  } finally {
    terminal.close();
  }
}
