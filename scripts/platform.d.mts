export interface Platform {
  /** Platform and architecture: `process.platform`-`process.arch`. */
  readonly name: string;
  readonly node: string;
  /** The ABI: `process.versions.modules`. */
  readonly abi: string;
  /** Version of glibc; undefined on macOS and on Linux with musl. */
  readonly glibc: string | undefined;
}

export const NODE_ABIS: Readonly<Record<string, number>>;
export function thisPlatform(): Platform;
/** Why the process cannot run; undefined: it can. */
export function refusalOf(platform: Pick<Platform, 'node'>): string | undefined;
/** Why uWebSockets.js cannot run, and what to do; undefined: it has a build for the platform. */
export function noBuildOf(platform: Platform): { readonly why: string; readonly remedy: string } | undefined;
export function requirePlatform(): void;

/** Loads code, or ends the process with a line on stderr when it may not open as many files at once. */
export function withFiles<T>(load: () => Promise<T>): Promise<T>;
