// Checks whether the platform is supported. It runs when npm installs the package, in scripts/setup.mjs
// before anything is installed or built, and in every command before anything else is loaded. So it needs
// only Node.js, and runs on old versions too.
import { fileURLToPath } from 'node:url';

/** The ABIs of Node.js for which the pinned uWebSockets.js is built, each with its major version. */
export const NODE_ABIS = { 115: 20, 127: 22, 137: 24, 141: 25 };
/** The least version of Node.js 20, for `node:` modules and `require` of ES modules. */
const OLDEST_20 = 19;
/** The version of glibc that the Linux builds of uWebSockets.js need (`readelf -V`). */
const GLIBC = { major: 2, minor: 38 };
const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

/** EX_CONFIG of sysexits.h: starting again would not help. */
const BAD_PLATFORM = 78;

/**
 * The facts of this process. They take about 4 ms on Linux, because only the report contains the C library.
 */
export function thisPlatform() {
  const { node, modules } = process.versions;
  const glibc =
    process.platform === 'linux' ? process.report.getReport().header.glibcVersionRuntime : undefined;
  return { name: `${process.platform}-${process.arch}`, node, abi: modules, glibc };
}

/**
 * A sentence with what was found and what is needed, and one with what to do; undefined on a supported
 * platform.
 */
export function refusalOf({ name, node, abi, glibc }) {
  const [major, minor] = node.split('.').map(Number);
  if (NODE_ABIS[abi] === undefined || (major === 20 && minor < OLDEST_20)) {
    return (
      `Node.js ${node} is not supported: the HTTP core is built for Node.js 20 (20.${OLDEST_20} or newer), ` +
      '22, 24 and 25. Install one of them, best Node.js 24 ("nvm install 24"), and try again.'
    );
  }
  if (!PLATFORMS.includes(name)) {
    return `${name} is not supported: the HTTP core is built for ${PLATFORMS.join(', ')}. On Windows use WSL 2.`;
  }
  if (!name.startsWith('linux-')) return undefined;
  const needed = `${GLIBC.major}.${GLIBC.minor}`;
  const use = 'Use Debian 13, Ubuntu 24.04 or newer, or an image of one ("node:24-trixie-slim").';
  if (glibc === undefined) {
    return `Linux without glibc (musl, as in Alpine) is not supported: the HTTP core needs glibc ${needed}. ${use}`;
  }
  const [glibcMajor, glibcMinor] = glibc.split('.').map(Number);
  if (glibcMajor < GLIBC.major || (glibcMajor === GLIBC.major && glibcMinor < GLIBC.minor)) {
    return `glibc ${glibc} is too old: the HTTP core needs ${needed} or newer. ${use}`;
  }
  return undefined;
}

function refuse(why) {
  process.stderr.write(`multilane: ${why}\n`);
  process.exit(BAD_PLATFORM);
}

/** Ends the process with a line on stderr when the platform is not supported. */
export function requirePlatform() {
  const refusal = refusalOf(thisPlatform());
  if (refusal !== undefined) refuse(refusal);
}

/**
 * Loads code, or ends the process with a line on stderr when it may not open as many files at once. The
 * settings say then how many are needed.
 */
export async function withFiles(load) {
  try {
    return await load();
  } catch (error) {
    if (error?.code !== 'EMFILE') throw error;
    return refuse(
      'the limit of open files is too low to load the code: raise it (ulimit -n, LimitNOFILE=) to 1024 or more.',
    );
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) requirePlatform();
