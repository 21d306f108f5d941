// Watches the files whose changes make `multilane dev` restart: those of the project's code, without
// installed packages, tests and stored data.
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
  // TypeScript is watched where Node.js runs it without a build. Elsewhere the compiled files are watched.
  ...('typescript' in process.features && process.features.typescript !== false ? ['.ts'] : []),
]);
/** Ignored folders. `dist` is not among them, because a compiled project runs from there. */
const IGNORED: ReadonlySet<string> = new Set(['data', 'coverage', 'test']);
/**
 * Changes that follow each other faster count as one: those of an editor that saves several files, or a
 * compiler.
 */
const QUIET_MS = 100;

export interface ProjectWatch {
  close(): Promise<void>;
}

/**
 * Resolves when all folders are watched.
 * @param changed called with the changed files, relative to the working directory
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
      folders.every((folder) => isIgnored(relative(folder, path), stats?.isFile() === true)),
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

/** @param path path relative to a watched folder; one that begins with `..` belongs to another folder */
export function isIgnored(path: string, isFile: boolean): boolean {
  if (path === '') return false;
  const names = path.split(sep);
  if (IGNORED.has(names[0]!) || names.some((name) => name === 'node_modules' || name.startsWith('.')))
    return true;
  return isFile && !WATCHED.has(extname(path));
}
