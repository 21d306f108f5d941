// Where this runs at all. Checked before anything else, so that nobody meets the addon's own complaint.
import { ConfigError } from './errors.js';

/** What the pinned uWebSockets.js is built for: ABI of Node -> its major version. */
const NODE_ABIS: ReadonlyMap<string, number> = new Map([
  ['115', 20],
  ['127', 22],
  ['137', 24],
  ['141', 25],
]);

/** What its Linux builds are linked against (`readelf -V`). */
const GLIBC = { major: 2, minor: 38 };

const PLATFORMS: readonly string[] = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

export interface Platform {
  /** `process.platform`-`process.arch`. */
  readonly name: string;
  readonly node: string;
  /** `process.versions.modules`. */
  readonly abi: string;
  /** undefined where there is none: macOS, and Linux with musl. */
  readonly glibc: string | undefined;
}

/** The process this runs in. Takes about 4 ms on Linux: the report is the only place that knows the C library. */
export function thisPlatform(): Platform {
  const { node, modules } = process.versions;
  const name = `${process.platform}-${process.arch}`;
  return { name, node, abi: modules, glibc: process.platform === 'linux' ? glibcVersion() : undefined };
}

function glibcVersion(): string | undefined {
  const report: unknown = process.report.getReport();
  const { header } = report as { readonly header: { readonly glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}

/** @throws ConfigError with one line that says what is needed and what is there */
export function checkPlatform({ name, node, abi, glibc }: Platform): void {
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const majors = [...NODE_ABIS.values()].join(', ');
  if (!NODE_ABIS.has(abi) || (major === 20 && minor < 19)) {
    throw new ConfigError(`Node.js ${node} is not supported: needed is 20.19 or newer, of ${majors}`);
  }
  if (!PLATFORMS.includes(name)) {
    throw new ConfigError(`${name} is not supported: needed is one of ${PLATFORMS.join(', ')}`);
  }
  if (!name.startsWith('linux-')) return;
  if (glibc === undefined) throw new ConfigError('Linux without glibc (musl, as in Alpine) is not supported');
  const [glibcMajor = 0, glibcMinor = 0] = glibc.split('.').map(Number);
  if (glibcMajor < GLIBC.major || (glibcMajor === GLIBC.major && glibcMinor < GLIBC.minor)) {
    const needed = `${GLIBC.major}.${GLIBC.minor}`;
    throw new ConfigError(
      `glibc ${glibc} is too old: needed is ${needed} or newer (Debian 13, Ubuntu 24.04)`,
    );
  }
}
