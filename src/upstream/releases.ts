// The endpoints of a service by their release: those of one version, or those of all others. Each list is
// made once for a list of the registry view, and keeps its identity as long as that does.
import type { Endpoint } from '../registry/endpoint.js';
import { hashOf } from './hash-circle.js';

/** Which releases a pick may use. */
export type Release = 'any' | `=${string}` | `!${string}`;

export const only = (version: string): Release => `=${version}`;
export const except = (version: string): Release => `!${version}`;

const NONE: readonly Endpoint[] = [];
const CANARY_SEED = 0xca;

export class Releases {
  readonly #lists = new WeakMap<readonly Endpoint[], Map<Release, readonly Endpoint[]>>();

  /** @returns the endpoints of a release, in the order of `all` */
  of(all: readonly Endpoint[], release: Release): readonly Endpoint[] {
    if (release === 'any') return all;
    let lists = this.#lists.get(all);
    if (lists === undefined) {
      lists = byVersion(all);
      this.#lists.set(all, lists);
    }
    const known = lists.get(release);
    if (known !== undefined || release.startsWith('=')) return known ?? NONE;
    const others = all.filter(({ version }) => version === null || except(version) !== release);
    lists.set(release, others);
    return others;
  }
}

function byVersion(endpoints: readonly Endpoint[]): Map<Release, readonly Endpoint[]> {
  const lists = new Map<Release, Endpoint[]>();
  for (const endpoint of endpoints) {
    if (endpoint.version === null) continue;
    const release = only(endpoint.version);
    const list = lists.get(release);
    if (list === undefined) lists.set(release, [endpoint]);
    else list.push(endpoint);
  }
  return lists;
}

/** @returns a number from 0 up to 1 that is always the same for a key */
export const chanceOfKey = (key: string): number => hashOf(key, CANARY_SEED) / 2 ** 32;
