// `multilane new DIR`: writes a small working project from the template folder of the package.

import { cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { version } from '../../config/print.js';
import { errorMessage } from '../../error-text.js';
import { CommandFailure } from '../command-failure.js';
import { print } from '../output.js';

const TEMPLATE = fileURLToPath(new URL('../../../template/', import.meta.url));

/** Files of the template that contain `{{name}}` or `{{version}}`. */
const FILLED = ['package.json', 'README.md'];

/**
 * Names that npm admits for a new package without a scope. npm refuses two of the TAKEN names; with the third
 * one the project could not depend on this package.
 */
const NAME = /^[a-z0-9][a-z0-9._-]{0,213}$/;
const TAKEN: ReadonlySet<string> = new Set(['node_modules', 'favicon.ico', 'multilane']);

export function newCommand(program: Command): void {
  program
    .command('new <dir>')
    .description('write a new project into a folder that is empty or does not exist')
    .option('--name <name>', 'name of its package; default: that of the folder')
    .action(async (dir: string, options: { readonly name?: string }, command: Command) => {
      const folder = resolve(dir);
      const name = options.name ?? basename(folder);
      if (!NAME.test(name) || TAKEN.has(name)) {
        command.error(
          `error: "${name}" cannot be the name of a package: lower case letters, digits, - . _; pass one by --name`,
        );
      }
      await writeProject(folder, name);
      await print([
        `${folder} contains a new project. Next:`,
        '',
        `  cd ${dir}`,
        '  npm install',
        '  npm run dev',
      ]);
    });
}

/** @throws CommandFailure for a folder that is not empty or cannot be written */
async function writeProject(folder: string, name: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    if ((await readdir(folder)).length > 0) throw new CommandFailure(`${folder} is not empty`);
    await cp(TEMPLATE, folder, { recursive: true });
    // npm excludes files named `.gitignore` from a package, so the template has another name for it.
    await rename(join(folder, 'gitignore'), join(folder, '.gitignore'));
    for (const file of FILLED) {
      const path = join(folder, file);
      const text = await readFile(path, 'utf8');
      await writeFile(path, text.replaceAll('{{name}}', name).replaceAll('{{version}}', version()));
    }
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    throw new CommandFailure(`cannot write the project: ${errorMessage(cause)}`, { cause });
  }
}
