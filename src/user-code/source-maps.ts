// Source maps of a project that was compiled: with them the stacks of errors have the lines of its sources.
import { readFileSync } from 'node:fs';
import nodeModule from 'node:module';
import { dirname, resolve } from 'node:path';

/** Node.js 22.14 and later. The maps of installed packages, of this one too, would only cost time. */
interface SourceMapsSupport {
  setSourceMapsSupport?(
    enabled: boolean,
    options: { readonly nodeModules: boolean; readonly generatedCode: boolean },
  ): void;
}

const MAP = /^\/\/# sourceMappingURL=/m;

/**
 * Switches source maps on in this thread, from the next module on, when a module has one. Other projects pay
 * nothing, and neither does an error whose stack is not read.
 * @param path path of the first module of a project; a file that cannot be read has none
 */
export function useSourceMapOf(path: string): void {
  if (!hasMap(path)) return;
  const support = nodeModule as typeof nodeModule & SourceMapsSupport;
  if (support.setSourceMapsSupport === undefined) process.setSourceMapsEnabled(true);
  else support.setSourceMapsSupport(true, { nodeModules: false, generatedCode: false });
}

function hasMap(path: string): boolean {
  try {
    return MAP.test(readFileSync(path, 'utf8'));
  } catch {
    return false; // the import reports it
  }
}

export interface SourceLine {
  readonly file: string;
  readonly line: number;
}

/**
 * The line of a source that a line of a compiled module was made of.
 * @param file absolute path of the module
 * @returns the same line for a module without a map
 */
export function sourceLine(file: string, line: number): SourceLine {
  try {
    const text = readFileSync(file, 'utf8').split('\n')[line - 1] ?? '';
    const map = new nodeModule.SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')));
    const entry = map.findEntry(line - 1, text.search(/\S|$/));
    if (!('originalSource' in entry)) return { file, line };
    return { file: resolve(dirname(file), entry.originalSource), line: entry.originalLine + 1 };
  } catch {
    return { file, line }; // most modules have no map
  }
}
