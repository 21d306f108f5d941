// Where the package of this command comes from. A project that `multilane new` writes installs the same one.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const OWN_PACKAGE = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

export type PackageOrigin =
  /** It was installed from a registry, or that is not known. */
  | { readonly kind: 'registry' }
  /** It was installed from a file that `npm pack` has written. @property file its absolute path */
  | { readonly kind: 'file'; readonly file: string }
  /** The command runs from a clone of the repository. @property folder its absolute path */
  | { readonly kind: 'clone'; readonly folder: string };

/**
 * @param folder the folder of the package
 * @default folder that of this package
 */
export function packageOrigin(folder: string = OWN_PACKAGE): PackageOrigin {
  const modules = dirname(folder);
  if (basename(modules) !== 'node_modules') {
    return existsSync(join(folder, 'tsconfig.base.json')) ? { kind: 'clone', folder } : { kind: 'registry' };
  }
  const resolved = resolvedIn(join(modules, '.package-lock.json'), `node_modules/${basename(folder)}`);
  if (resolved?.startsWith('file:') !== true) return { kind: 'registry' };
  const file = resolve(dirname(modules), resolved.slice('file:'.length));
  // A file that has been removed cannot be installed again.
  return existsSync(file) ? { kind: 'file', file } : { kind: 'registry' };
}

/** What npm has noted about the source of an installed package. Other package managers write no such file. */
function resolvedIn(lock: string, path: string): string | undefined {
  try {
    const { packages } = JSON.parse(readFileSync(lock, 'utf8')) as {
      readonly packages?: Readonly<Record<string, { readonly resolved?: string }>>;
    };
    return packages?.[path]?.resolved;
  } catch {
    return undefined;
  }
}
