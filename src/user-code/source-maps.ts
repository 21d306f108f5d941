// Source maps of a project that was compiled: with them the stacks of errors have the lines of its sources.
import { readFileSync } from 'node:fs';
import nodeModule from 'node:module';

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
