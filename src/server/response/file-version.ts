// The version of a file: what tells it from an earlier one, and the validators of HTTP that are made of it.
import type { BigIntStats } from 'node:fs';
import type { Coding } from './compress.js';
import type { Validators } from './conditional.js';
import { httpDate } from './http-date.js';

/** A file that was changed less than this ago may change again without a different time stamp. */
const SETTLED_MS = 2000;

export interface FileVersion {
  readonly stats: BigIntStats;
  readonly size: number;
  /** The entity tag without quotes. */
  readonly tag: string;
  /** Milliseconds since 1970, of a whole second. */
  readonly lastModified: number;
  /** The same as a field value. */
  readonly date: string;
}

export function versionOf(stats: BigIntStats): FileVersion {
  const lastModified = Math.floor(Number(stats.mtimeMs) / 1000) * 1000;
  return {
    stats,
    size: Number(stats.size),
    tag: `${stats.size.toString(36)}-${stats.mtimeNs.toString(36)}`,
    lastModified,
    date: httpDate(lastModified),
  };
}

/**
 * True when both describe the same content, if that was settled at the first of them. The time of the last
 * change of the inode counts as well, because a program can set the other one.
 */
export function isSameVersion(a: BigIntStats, b: BigIntStats): boolean {
  return (
    a.ino === b.ino &&
    a.dev === b.dev &&
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs
  );
}

/** True when any change after `at` gives the file another time stamp. @param at milliseconds since 1970 */
export function isSettled(stats: BigIntStats, at: number): boolean {
  return at - Math.max(Number(stats.mtimeMs), Number(stats.ctimeMs)) >= SETTLED_MS;
}

/**
 * @param isCompressedNow the bytes are compressed while they are sent. Another version of the compressor may
 *   make other bytes, so the entity tag is weak.
 */
export function validatorsOf(
  { stats, tag, lastModified }: FileVersion,
  coding: Coding | undefined,
  isCompressedNow: boolean,
): Validators {
  const hasSettled = Date.now() - Number(stats.mtimeMs) >= SETTLED_MS;
  const quoted = coding === undefined ? `"${tag}"` : `"${tag}-${coding}"`;
  return {
    etag: hasSettled && !isCompressedNow ? quoted : `W/${quoted}`,
    lastModified,
    isSettled: hasSettled,
  };
}
