// The environment of the servers under test.

/** What programs need to find other programs, their caches and a place for temporary files. */
const KEPT = ['PATH', 'HOME', 'USER', 'LANG', 'TMPDIR', 'LD_LIBRARY_PATH'] as const;

/**
 * The environment of a server: its own variables, and of those of this process only what every program needs.
 * So settings of a shell (MULTILANE_…, LOG_LEVEL, NODE_OPTIONS, GOMAXPROCS) change no result.
 */
export function serverEnvironment(
  own: Readonly<Record<string, string>> = {},
  inherited: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const kept = KEPT.flatMap((name) => {
    const value = inherited[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), ...own };
}
