// Where this runs at all. `npm install` asks it (as a script of the package), scripts/setup.mjs before it
// installs or builds anything, and every command before it loads anything else. So it needs nothing but
// Node.js, also an old one.
import { fileURLToPath } from 'node:url';

/** What the pinned uWebSockets.js is built for: ABI of Node.js -> its major version. */
export const NODE_ABIS = { 115: 20, 127: 22, 137: 24, 141: 25 };
/** Of Node.js 20, what `node:` modules and `require` of ES modules need. */
const OLDEST_20 = 19;
/** What the Linux builds of it are linked against (`readelf -V`). */
const GLIBC = { major: 2, minor: 38 };
const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

/** EX_CONFIG of sysexits.h: starting again does not help. */
const BAD_PLATFORM = 78;

/** This process. Takes about 4 ms on Linux: the report is the only place that knows the C library. */
export function thisPlatform() {
  const { node, modules } = process.versions;
  const glibc =
    process.platform === 'linux' ? process.report.getReport().header.glibcVersionRuntime : undefined;
  return { name: `${process.platform}-${process.arch}`, node, abi: modules, glibc };
}

/** One sentence with what was found and what is needed, one with what to do; undefined where this runs. */
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

/** Ends a process that cannot run here, with a line on stderr. */
export function requirePlatform() {
  const refusal = refusalOf(thisPlatform());
  if (refusal === undefined) return;
  process.stderr.write(`multilane: ${refusal}\n`);
  process.exit(BAD_PLATFORM);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) requirePlatform();
