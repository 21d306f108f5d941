export interface Platform {
  /** `process.platform`-`process.arch`. */
  readonly name: string;
  readonly node: string;
  /** `process.versions.modules`. */
  readonly abi: string;
  /** undefined where there is none: macOS, and Linux with musl. */
  readonly glibc: string | undefined;
}

export const NODE_ABIS: Readonly<Record<string, number>>;
export function thisPlatform(): Platform;
export function refusalOf(platform: Platform): string | undefined;
export function requirePlatform(): void;
