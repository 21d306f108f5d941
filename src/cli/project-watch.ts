// Which changes make `multilane dev` start anew: what a project's code is made of, without what it installs,
// tests or stores.
import { extname, relative, sep } from 'node:path';
import { watch } from 'chokidar';

const WATCHED: ReadonlySet<string> = new Set([
  '.js',
  '.mjs',
  '.cjs',
  '.json',
  '.sql',
  '.proto',
  '.html',
  '.wasm',
  // Where Node.js runs it unbuilt; else what it is compiled to is watched.
  ...('typescript' in process.features && process.features.typescript !== false ? ['.ts'] : []),
]);
/** Not `dist`: a project that is compiled runs from there. */
const ASIDE: ReadonlySet<string> = new Set(['data', 'coverage', 'test']);
/** An editor that saves several files, or a compiler at work, is one change. */
const QUIET_MS = 100;

export interface ProjectWatch {
  close(): Promise<void>;
}

/**
 * Resolves when nothing can be missed any more. @param changed is told the files, from the working directory
 */
export async function watchProject(
  folders: readonly string[],
  changed: (files: readonly string[]) => void,
): Promise<ProjectWatch> {
  const waiting = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch([...folders], {
    ignoreInitial: true,
    ignored: (path, stats) =>
      folders.every((folder) => isAside(relative(folder, path), stats?.isFile() === true)),
  });
  watcher.on('all', (_event, path) => {
    if (!WATCHED.has(extname(path))) return;
    waiting.add(relative(process.cwd(), path));
    clearTimeout(timer);
    timer = setTimeout(() => {
      const files = [...waiting];
      waiting.clear();
      changed(files);
    }, QUIET_MS);
  });
  await new Promise<void>((resolve, reject) => {
    watcher.once('ready', () => resolve());
    watcher.once('error', reject);
  });
  watcher.on('error', (error) => process.stderr.write(`multilane dev: cannot watch: ${String(error)}\n`));
  return {
    close: async () => {
      clearTimeout(timer);
      await watcher.close();
    },
  };
}

/** @param path from a watched folder; one that begins with `..` is another's */
export function isAside(path: string, isFile: boolean): boolean {
  if (path === '') return false;
  const names = path.split(sep);
  if (ASIDE.has(names[0]!) || names.some((name) => name === 'node_modules' || name.startsWith('.')))
    return true;
  return isFile && !WATCHED.has(extname(path));
}
