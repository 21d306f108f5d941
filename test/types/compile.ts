// Runs the compiler over a project that has the package installed, as a user does.
import { execFile } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Project } from '#test/support/cli.js';
import { ROOT } from '#test/support/cluster.js';

const COMPILER = join(ROOT, 'node_modules/typescript/bin/tsc');

const OPTIONS = {
  target: 'es2023',
  module: 'nodenext',
  types: ['node'],
  strict: true,
  noEmit: true,
};

export interface CompilerError {
  readonly file: string;
  readonly line: number;
  /** The message with the lines that explain it. */
  readonly text: string;
}

/** Compiles files in a project of their own. @param options those of the compiler, beside the usual ones */
export async function compile(
  files: Readonly<Record<string, string>>,
  options: object = {},
): Promise<readonly CompilerError[]> {
  const project = new Project({
    ...files,
    'package.json': '{ "type": "module" }',
    'tsconfig.json': JSON.stringify({
      compilerOptions: { ...OPTIONS, ...options },
      files: Object.keys(files),
    }),
  });
  project.install();
  symlinkSync(join(ROOT, 'node_modules/@types'), join(project.folder, 'node_modules/@types'));
  try {
    return errorsIn(await output(project.folder));
  } finally {
    project.remove();
  }
}

const output = (folder: string): Promise<string> =>
  new Promise((resolve) => {
    // It ends with an error when it reports one, and then its output is what is wanted as well.
    execFile(
      process.execPath,
      [COMPILER, '-p', folder, '--pretty', 'false'],
      { cwd: folder },
      (_, stdout, stderr) => resolve(stdout + stderr),
    );
  });

function errorsIn(text: string): readonly CompilerError[] {
  const errors: { file: string; line: number; text: string }[] = [];
  for (const line of text.split('\n')) {
    const [, file, number, message] = /^(\S.*?)\((\d+),\d+\): (.*)$/.exec(line) ?? [];
    if (file !== undefined) errors.push({ file, line: Number(number), text: message! });
    else if (/^\s/.test(line) && errors.length > 0) errors.at(-1)!.text += `\n${line}`;
    else if (line !== '') errors.push({ file: '', line: 0, text: line });
  }
  return errors;
}
