// The versions of what is measured, where they can be known: what npm installed for a folder, and what Debian
// did. A compiler from elsewhere and a C program without dependencies have none here.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { contentOf, type Peer } from './peer-file.js';

/** The npm dependencies of a peer, which its `package.json` names exactly, and its Debian packages. */
export const versionsOf = ({ folder, packages }: Pick<Peer, 'folder' | 'packages'>): readonly string[] => [
  ...npmVersions(folder),
  ...debianVersions(packages),
];

function npmVersions(folder: string): readonly string[] {
  const text = contentOf(join(folder, 'package.json')) ?? '{}';
  const { dependencies = {} } = JSON.parse(text) as { dependencies?: Readonly<Record<string, string>> };
  return Object.entries(dependencies).map(([name, version]) => `${name} ${version}`);
}

/** Packages that are not installed have no version, and no package has one where there is no dpkg. */
export function debianVersions(packages: readonly string[]): readonly string[] {
  if (packages.length === 0) return [];
  const { stdout } = spawnSync('dpkg-query', ['--show', ...packages], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines = ((stdout as string | null) ?? '').split('\n').map((line) => line.split('\t'));
  return lines.flatMap(([name, version]) => (version ? [`${name} ${version}`] : []));
}

/** The version of a package in the `node_modules` of a checkout, or of the checkout itself. */
export function packageVersion(checkout: string, name?: string): readonly string[] {
  const folder = name === undefined ? checkout : join(checkout, 'node_modules', name);
  const text = contentOf(join(folder, 'package.json'));
  if (text === undefined) return [];
  const found = JSON.parse(text) as { readonly name: string; readonly version: string };
  return [`${found.name} ${found.version}`];
}
