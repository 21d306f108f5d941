// What `multilane generate` is about to write: new files, and edits of existing ones. Nothing is written
// before it is certain that no file would be overwritten.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorMessage } from '../../error-text.js';
import { CommandFailure } from '../command-failure.js';

export interface NewFile {
  /** Relative to the root of the project. */
  readonly path: string;
  readonly content: string;
  /** True: it is left out when there is such a file already. */
  readonly optional?: boolean;
}

export interface Edit {
  /** Relative to the root of the project. */
  readonly path: string;
  /** The lines to add by hand where the file has an unusual form. */
  readonly lines: readonly string[];
  /** Returns undefined where the text has an unusual form. */
  readonly apply: (text: string) => string | undefined;
}

export interface Plan {
  readonly files: readonly NewFile[];
  readonly edits: readonly Edit[];
  /** What to do next. */
  readonly next: readonly string[];
}

/**
 * @param isDryRun whether nothing is written
 * @returns lines for the user
 * @throws CommandFailure when a file exists already or cannot be written
 */
export async function carryOut(root: string, plan: Plan, isDryRun: boolean): Promise<readonly string[]> {
  const files = plan.files.filter(({ path, optional }) => optional !== true || !existsSync(join(root, path)));
  const existing = files.filter(({ path }) => existsSync(join(root, path)));
  if (existing.length > 0) {
    const paths = existing.map(({ path }) => path).join(', ');
    throw new CommandFailure(
      `nothing was written: ${paths} ${existing.length === 1 ? 'exists' : 'exist'} already; choose another name`,
    );
  }
  const edited = await Promise.all(
    plan.edits.map(async (edit) => ({
      edit,
      text: edit.apply(await readFile(join(root, edit.path), 'utf8')),
    })),
  );
  if (!isDryRun) {
    for (const { path, content } of files) await write(root, path, content, 'wx');
    for (const { edit, text } of edited) if (text !== undefined) await write(root, edit.path, text, 'w');
  }
  return [
    ...files.flatMap(({ path, content }) => [`create ${path}`, ...(isDryRun ? shown(content) : [])]),
    ...edited.flatMap(({ edit, text }) => reportOf(edit, text !== undefined, isDryRun)),
    ...(isDryRun ? ['', 'nothing was written (--dry-run)'] : ['', ...plan.next]),
  ];
}

const shown = (content: string): readonly string[] =>
  content
    .trimEnd()
    .split('\n')
    .map((line) => `  | ${line}`.trimEnd());

function reportOf({ path, lines }: Edit, isApplied: boolean, isDryRun: boolean): readonly string[] {
  if (isApplied) return [`update ${path}`, ...(isDryRun ? lines.map((line) => `  + ${line}`) : [])];
  return [
    '',
    `${path} has a form that this command does not edit. Add ${lines.length === 1 ? 'this line' : 'these lines'} to it:`,
    ...lines.map((line) => `  ${line}`),
  ];
}

async function write(root: string, path: string, content: string, flag: 'w' | 'wx'): Promise<void> {
  try {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content, { flag });
  } catch (cause) {
    throw new CommandFailure(`cannot write ${path}: ${errorMessage(cause)}`, { cause });
  }
}
