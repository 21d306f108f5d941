// Writes a new project: the files that both languages share, those of its language, and the unit for systemd.
import { cp, readdir, readFile, realpath, rename, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { version } from '../config/print.js';
import { errorMessage } from '../error-text.js';
import { makeFolder } from '../process/make-folder.js';
import { CommandFailure } from './command-failure.js';
import type { PackageOrigin } from './own-package.js';

const PACKAGE = new URL('../../', import.meta.url);
const pathIn = (path: string): string => fileURLToPath(new URL(path, PACKAGE));

/** Files of the template with placeholders such as `{{name}}`. */
const FILLED = ['package.json', 'README.md', 'Dockerfile', 'ecosystem.config.cjs'];
/** npm excludes files of these names from a package, or reads them, so the template has them without dot. */
const DOTFILES = ['gitignore', 'dockerignore'];

export type Language = 'ts' | 'js';

export interface NewProject {
  /** Absolute path of a folder that is empty or does not exist. */
  readonly folder: string;
  readonly name: string;
  readonly language: Language;
  /** Where the package that the project depends on comes from. */
  readonly origin: PackageOrigin;
}

/** @throws CommandFailure for a folder that is not empty or cannot be written */
export async function writeProject(given: NewProject): Promise<void> {
  try {
    await makeFolder(given.folder);
    // Paths in the project are relative to the folder itself, which the given one may be a link to.
    const project = { ...given, folder: await realpath(given.folder) };
    const { folder } = project;
    if ((await readdir(folder)).length > 0) {
      throw new CommandFailure(`${given.folder} is not empty: name a folder that is, or a new one`);
    }
    for (const part of ['shared', project.language]) {
      await cp(pathIn(`template/${part}`), folder, { recursive: true });
    }
    for (const name of DOTFILES) await rename(join(folder, name), join(folder, `.${name}`));
    for (const file of FILLED) {
      const path = join(folder, file);
      await writeFile(path, filled(await readFile(path, 'utf8'), project));
    }
    const unit = await readFile(pathIn('deploy/multilane.service'), 'utf8');
    await writeFile(join(folder, `${project.name}.service`), unitOf(unit, project));
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOTDIR') {
      throw new CommandFailure(`${given.folder} is a file or lies below one: name another folder`, { cause });
    }
    throw new CommandFailure(`cannot write the project: ${errorMessage(cause)}`, { cause });
  }
}

/** The flags with which the process is started: a project of TypeScript runs from its build. */
const flagsOf = (language: Language): string =>
  language === 'ts' ? '--config dist/multilane.config.js' : '';

/** A line with a placeholder that is empty in this project is left out. */
function filled(text: string, { folder, name, language, origin }: NewProject): string {
  const range = `^${version()}`;
  const file = origin.kind === 'file' ? relative(folder, origin.file) : '';
  const values: Readonly<Record<string, string>> = {
    ...{ name, range, file, flags: flagsOf(language) },
    dependency: file === '' ? range : `file:${file}`,
    filename: basename(file),
  };
  return text.replaceAll(/^.*\{\{\w+\}\}.*\n/gm, (line) => {
    const used = [...line.matchAll(/\{\{(\w+)\}\}/g)].map(([, key]) => values[key!]!);
    return used.includes('') ? '' : line.replaceAll(/\{\{(\w+)\}\}/g, (_, key: string) => values[key]!);
  });
}

/** The unit of the package, with the steps and the flags of this project. */
function unitOf(unit: string, { name, language }: NewProject): string {
  const header = [
    `# ${name} as a systemd service. The name of this file is the name of the service, of its user and of its folders`,
    '# (%N). As root, in the folder of the project:',
    '#',
    `#   npm ci${language === 'ts' ? ' && npm run build' : ''}`,
    `#   cp -r . /opt/${name} && cp ${name}.service /etc/systemd/system/`,
    `#   useradd --system --no-create-home ${name}`,
    `#   systemctl daemon-reload && systemctl enable --now ${name}`,
    '#',
    '# node_modules/multilane/docs/deployment.md gives the reasons.',
  ];
  const flags = flagsOf(language);
  return unit
    .replace(/^(#.*\n)+/, `${header.join('\n')}\n`)
    .replace(/^ExecStart=.*$/m, (line) => (flags === '' ? line : `${line} ${flags}`));
}
