// Checks whether the version of Node.js is supported. It runs when npm installs the package, in
// scripts/setup.mjs before anything is installed or built, and in every command before anything else is
// loaded. So it needs only Node.js, and runs on old versions too. It also knows for which platforms the
// pinned uWebSockets.js is built; elsewhere the HTTP core on `node:http` runs (HTTP_CORE).
import { fileURLToPath } from 'node:url';

/** The ABIs of Node.js for which the pinned uWebSockets.js is built, each with its major version. */
export const NODE_ABIS = { 115: 20, 127: 22, 137: 24, 141: 25 };
/** The least version of Node.js, for `node:` modules and `require` of ES modules. */
const OLDEST = { major: 20, minor: 19 };
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

const isBelow = (version, { major, minor }) => {
  const [ownMajor, ownMinor] = version.split('.').map(Number);
  return ownMajor < major || (ownMajor === major && ownMinor < minor);
};

/**
 * A sentence with what was found and what is needed, and one with what to do; undefined on a supported
 * version of Node.js.
 */
export function refusalOf({ node }) {
  if (!isBelow(node, OLDEST)) return undefined;
  return (
    `Node.js ${node} is not supported: ${OLDEST.major}.${OLDEST.minor} or newer is needed. ` +
    'Install it, best Node.js 24 ("nvm install 24"), and try again.'
  );
}

/**
 * Why there is no build of uWebSockets.js for the platform, and what to do for one; undefined where there is
 * a build.
 */
export function noBuildOf({ name, node, abi, glibc }) {
  if (NODE_ABIS[abi] === undefined) {
    return {
      why: `uWebSockets.js is built for Node.js 20, 22, 24 and 25, and this is ${node}`,
      remedy: 'install Node.js 24 ("nvm install 24")',
    };
  }
  if (!PLATFORMS.includes(name)) {
    return {
      why: `uWebSockets.js is used on ${PLATFORMS.join(', ')}, and this is ${name}`,
      remedy: name.startsWith('win32-') ? 'use WSL 2' : 'use one of them',
    };
  }
  if (!name.startsWith('linux-')) return undefined;
  const needed = `${GLIBC.major}.${GLIBC.minor}`;
  const remedy = 'use Debian 13, Ubuntu 24.04 or newer, or an image of one ("node:24-trixie-slim")';
  if (glibc === undefined)
    return { why: `uWebSockets.js needs glibc ${needed}, and this Linux has none (musl)`, remedy };
  return isBelow(glibc, GLIBC)
    ? { why: `uWebSockets.js needs glibc ${needed} or newer, and this is ${glibc}`, remedy }
    : undefined;
}

function refuse(why) {
  process.stderr.write(`multilane: ${why}\n`);
  process.exit(BAD_PLATFORM);
}

/** Ends the process with a line on stderr when the version of Node.js is not supported. */
export function requirePlatform() {
  const refusal = refusalOf(process.versions);
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
