// Checks the types of a project beside the process that runs, with the project's own compiler. It reports and
// changes nothing else; code with an error of types runs.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { errorMessage } from '../../error-text.js';
import { typescriptNames } from '../../source-file.js';
import { compilerArgs, endCompiler, spawnCompiler } from '../project-compiler.js';

/** Priority of the compiler ("nice"): the process that serves and its reload go first. */
const NICE = 10;
/** The most lines of errors that are shown. */
const MOST_LINES = 20;
/** What the compiler knows of the last check, so that the next one is short. */
const MEMORY = 'node_modules/.cache/multilane/types.tsbuildinfo';

export interface TypeCheckOptions {
  /** Folder of the project, with tsconfig.json. */
  readonly folder: string;
  /** Prints a line. */
  readonly report: (line: string) => void;
}

export class TypeCheck {
  readonly #options: TypeCheckOptions;
  #child: ChildProcess | undefined;
  #hadErrors = false;
  #unavailable: string | undefined;

  constructor(options: TypeCheckOptions) {
    this.#options = options;
  }

  /** Checks the files of now. A check that still runs ends without a report. */
  async run(): Promise<void> {
    this.close();
    const args = this.#compilerArgs();
    if (args === undefined) return;
    const child = spawnCompiler(args, {
      cwd: this.#options.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    try {
      if (child.pid !== undefined) setPriority(child.pid, NICE);
    } catch {
      // It has ended already, or the system knows no priorities: the check is only less polite.
    }
    const ended = once(child, 'close') as Promise<[number | null]>;
    const [output, failure, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), ended]);
    if (this.#child !== child) return;
    this.#child = undefined;
    if (code !== null) this.#print(code, `${output}${failure}`);
  }

  /** Ends a check that runs. */
  close(): void {
    if (this.#child !== undefined) endCompiler(this.#child);
    this.#child = undefined;
  }

  #print(code: number, output: string): void {
    const { folder, report } = this.#options;
    const lines = output.split('\n').filter((line) => line.trim() !== '');
    if (code === 0) {
      if (this.#hadErrors) report('types: no errors');
      this.#hadErrors = false;
      return;
    }
    this.#hadErrors = true;
    for (const line of lines.slice(0, MOST_LINES))
      report(`types: ${withPosition(withSourceName(line, folder))}`);
    if (lines.length > MOST_LINES) report(`types: … and ${lines.length - MOST_LINES} more lines`);
  }

  /** @returns undefined where types cannot be checked, which is reported once for each reason */
  #compilerArgs(): readonly string[] | undefined {
    const { folder, report } = this.#options;
    try {
      const emit = ['--noEmit', '--incremental', '--tsBuildInfoFile', join(folder, MEMORY)];
      const args = [...compilerArgs(folder), ...emit, '--pretty', 'false'];
      this.#unavailable = undefined;
      return args;
    } catch (error) {
      const reason = errorMessage(error);
      if (reason !== this.#unavailable) report(`types: not checked: ${reason}`);
      this.#unavailable = reason;
      return undefined;
    }
  }
}

/** The file with an import that lacks its extension, and the import that the compiler suggests. */
const SUGGESTED = /^(\S.*?)(\(\d+,\d+\): error TS2835: .*')([^'\n]+)('\?)$/;

/**
 * The compiler suggests the name of the compiled file, which Node.js does not find in a project that is not
 * built. That of the source is right in both.
 */
function withSourceName(line: string, folder: string): string {
  const [, file = '', before = '', specifier = '', after = ''] = SUGGESTED.exec(line) ?? [];
  const beside = join(folder, dirname(file));
  const source = typescriptNames(specifier).find((name) => existsSync(join(beside, name)));
  return source === undefined ? line : `${file}${before}${source}${after}`;
}

/** Writes `a.ts(3,5): error …` as `a.ts:3:5: error …`, which terminals and editors open. */
const withPosition = (line: string): string => line.replace(/^(\S.*?)\((\d+),(\d+)\): /, '$1:$2:$3: ');
