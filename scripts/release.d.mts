export function obstacles(state: {
  readonly version: string;
  /** What `git status --porcelain` prints. */
  readonly changes: string;
  readonly changelog: string;
  readonly tags: readonly string[];
}): string[];
