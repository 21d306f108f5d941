// Checks that the prebuilt uWebSockets.js addon is the one that this version of Multilane was released with.
// The addon runs with all rights of the process, and its package is published by others than its authors.
// package-lock.json pins the package; the table here pins the binaries in it. The binary that is loaded is
// checked at every start, all of them in CI. NOTICE and SECURITY.md describe where they come from.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { errorMessage } from '../error-text.js';
import { StartError } from '../errors.js';

/** SHA-256 of every binary of the pinned release, by file name. */
export const ADDON_SHA256: Readonly<Record<string, string>> = {
  'uws_darwin_arm64_115.node': 'fe600f03f02ea7443d15ca7ae47bd4489b40b3543bc30a6db2b3048e2a04261f',
  'uws_darwin_arm64_127.node': 'c8ca6162869372a5d4acd66aa8c835286ed6e897d125ddb88875b5ab7f68bc09',
  'uws_darwin_arm64_137.node': '51546f781dfd41b4c3820f7198d94d953af1dd4a22745ccda2fcf5eec3e4edf8',
  'uws_darwin_arm64_141.node': 'e3a1c06653e6fc53d969730f38f528e0984f94220261836b9972fc5912d261fb',
  'uws_darwin_x64_115.node': '4f749a19869da5914e8c02a032ee06b4e5d26cd918b4a845c69eea7bdd9f7c34',
  'uws_darwin_x64_127.node': '3ad68d013ed3d8c5251b07ddb099c59e051d1a468cc4c471185383cf7125a882',
  'uws_darwin_x64_137.node': '249e85589d9d39445f70765a10e1f3b0b142b7d1b406f360ea27681e0025fb02',
  'uws_darwin_x64_141.node': '1c680445ed7dbd124aefc4bae7edc13b6eb2583efc6573ad890484188eac484b',
  'uws_linux_arm64_115.node': '5f179165f9ade910999ce8724d71ecdcc4f7e1b944053683d98bfda62665e081',
  'uws_linux_arm64_127.node': 'db310856b4d36b2b6e83888c9faa87ccd65454e6157f457bf9cb4ebabaed7a65',
  'uws_linux_arm64_137.node': 'ad0ffb42a119ee022ba1fc752d942e5a19b863ce47bfdc909cd1d5bc1363a7a6',
  'uws_linux_arm64_141.node': '0d5d90b098e82bdb461f276c614942b0a33d85c922e403861c0990cc961cd13f',
  'uws_linux_x64_115.node': '3c4cfd4f4673c591dbca82cdda94f7e0ad9bc298966c39a7bd259838c2b25d4f',
  'uws_linux_x64_127.node': '0e0af5d0e486b67e25dd5c6686f8f05be4504629404d5c1972c808ab5d8e4cc2',
  'uws_linux_x64_137.node': '9aa8b857ac4ab0bfb1245e948eeeacc904b13a3608c9a281d551c43c66bea66e',
  'uws_linux_x64_141.node': '0958d6d6dd863240494539d02a34d41de24a2d7c1552c4a41efb3744ec56298e',
  'uws_win32_x64_115.node': 'c8798bd1685caaf1c00ba0f76e018ddde00f0c3ec52380c4b0ebf8cf8ddc3658',
  'uws_win32_x64_127.node': 'e8dbaf78d65aece0c8c2e11e8ee0a1e40323bf857b4c85106d5e4d21c67c0168',
  'uws_win32_x64_137.node': 'b4f8fb7e3a593f32cecef9faaf2b0242e89e224120226cfc00a20bfd33b06927',
  'uws_win32_x64_141.node': 'e7779c5fd33bef5d313fc2ec9c34b7636c16c2d4a2f3bcd17d3cd6c9143bdc98',
};

/** Size of a read; small enough for the data to stay in the processor's cache until it is hashed. */
const CHUNK_BYTES = 256 * 1024;

/** The addon is not there: the package is not installed, or has no such file. */
export class AddonMissing extends StartError {
  /** @param what is not there */
  constructor(
    readonly what: string,
    cause: unknown,
  ) {
    super(`${what}; run "npm ci" (in a new project "npm install")`, { cause });
  }
}

/** Folder of the installed uWebSockets.js package. @throws AddonMissing when it is not installed */
export function addonFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('uWebSockets.js'));
  } catch (cause) {
    throw new AddonMissing('uWebSockets.js is not installed', cause);
  }
}

/** Path of the addon that this process loads: it depends on platform, processor and Node.js version. */
export function addonFile(folder: string = addonFolder()): string {
  return join(folder, `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`);
}

/**
 * Checks one prebuilt addon, by default the one that this process is about to load (7 MB, about 8 ms). Call
 * it before `uWebSockets.js` is imported for the first time.
 * @throws AddonMissing for a file that is not there
 * @throws StartError for a file that cannot be read or is not the pinned one
 */
export function verifyAddon(file: string = addonFile()): void {
  const name = basename(file);
  if (sha256Of(file) === ADDON_SHA256[name]) return;
  throw new StartError(`uWebSockets.js: ${name} is not the pinned build; reinstall it with npm ci`);
}

function sha256Of(file: string): string {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (cause) {
    const name = `uWebSockets.js: ${basename(file)}`;
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
      throw new AddonMissing(`${name} is missing`, cause);
    throw new StartError(`${name} cannot be read: ${errorMessage(cause)}`, { cause });
  }
  try {
    for (let size = readSync(descriptor, chunk); size > 0; size = readSync(descriptor, chunk)) {
      hash.update(chunk.subarray(0, size));
    }
  } finally {
    closeSync(descriptor);
  }
  return hash.digest('hex');
}
