// Checks the origins that options list (https://example.org:8443): in lower case, without a path or a
// wildcard.

/** @throws TypeError that names the text which is not an origin */
export function originSet(hook: string, origins: readonly string[]): ReadonlySet<string> {
  for (const origin of origins) {
    if (origin.includes('*') || !URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new TypeError(
        `${hook}: "${origin}" is no origin (scheme://host, lower case, no slash at the end)`,
      );
    }
  }
  return new Set(origins);
}
