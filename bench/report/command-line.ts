// The command that repeats a run, for the results: a reader must not have to guess which options were given.

/** Flags that a script of package.json gives before those of its caller. */
const PRESETS = [
  ['bench:full', ['--full']],
  ['bench:autocannon', ['--tool', 'autocannon']],
] as const;

/** @param script the script of package.json that has no flags of its own */
export function commandLine(script: string, argv: readonly string[]): string {
  const preset = PRESETS.find(([, flags]) => flags.every((flag, index) => argv[index] === flag));
  const [name, given] = preset === undefined ? [script, argv] : [preset[0], argv.slice(preset[1].length)];
  return [`npm run ${name}`, ...(given.length === 0 ? [] : ['--', ...given.map(quoted)])].join(' ');
}

const quoted = (word: string): string =>
  /^[\w./,:=@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
