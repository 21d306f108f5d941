// Origins as options give them (https://example.org:8443): one spelling, no path, no wildcard.

/** @throws TypeError naming what is no origin */
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
