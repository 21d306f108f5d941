// Completion scripts for shells. A script follows the typed words down the levels of commands, and then
// offers the words of the level that it has reached.
import type { Level, Word } from './completion-words.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell, levels: readonly Level[]): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](levels);
}

const nameOf = ({ path }: Level): string => path.join(' ');
const wordsOf = ({ commands, options }: Level): readonly Word[] => [...commands, ...options];
/** Text in single quotes for a POSIX shell and for zsh. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** The first sentence of a meaning, without Markdown. */
const brief = (meaning: string): string => meaning.replaceAll('`', '').replace(/[.;:] .*$|\.$/s, '');

/** The patterns of all levels below the first, for the `case` that steps down to them. */
const levelPatterns = (levels: readonly Level[]): string =>
  levels
    .filter(({ path }) => path.length > 1)
    .map((level) => quoted(nameOf(level)))
    .join(' | ');

/** Lines of a `case` over the level and the word before: the values of an option instead of other words. */
const valueCases = (levels: readonly Level[], lineOf: (values: readonly string[]) => string): string =>
  levels
    .flatMap((level) =>
      level.options.flatMap(({ text, values }) =>
        values === undefined ? [] : [`    ${quoted(`${nameOf(level)} ${text}`)}) ${lineOf(values)} ;;`],
      ),
    )
    .join('\n');

function bashScript(levels: readonly Level[]): string {
  const cases = levels.map((level) => {
    const words = wordsOf(level).map(({ text }) => text);
    return `    ${quoted(nameOf(level))}) words=${quoted(words.join(' '))} ;;`;
  });
  return `# bash completion of multilane: source <(multilane completion bash)
_multilane() {
  local level=multilane words= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$level \${COMP_WORDS[i]}" in
      ${levelPatterns(levels)}) level+=" \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$level" in
${cases.join('\n')}
  esac
  case "$level \${COMP_WORDS[COMP_CWORD - 1]}" in
${valueCases(levels, (values) => `words=${quoted(values.join(' '))}`)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _multilane multilane
`;
}

function zshScript(levels: readonly Level[]): string {
  const cases = levels.map((level) => {
    const words = wordsOf(level).map(({ text, meaning }) =>
      quoted(`${text}:${brief(meaning).replaceAll(':', '\\:')}`),
    );
    return `    ${quoted(nameOf(level))}) offered=(${words.join(' ')}) ;;`;
  });
  return `#compdef multilane
# zsh completion of multilane: source <(multilane completion zsh), after compinit
_multilane() {
  local level=multilane i
  local -a offered
  for ((i = 2; i < CURRENT; i++)); do
    case "$level \${words[i]}" in
      ${levelPatterns(levels)}) level+=" \${words[i]}" ;;
    esac
  done
  case "$level" in
${cases.join('\n')}
  esac
  case "$level \${words[CURRENT-1]}" in
${valueCases(levels, (values) => `offered=(${values.map(quoted).join(' ')})`)}
  esac
  _describe multilane offered || _files
}
compdef _multilane multilane
`;
}

function fishScript(levels: readonly Level[]): string {
  const lines = levels.flatMap((level) => {
    const at = `-n ${fishQuoted(`__multilane_at ${nameOf(level)}`)}`;
    const valuesOf = ({ values }: Word): string =>
      values === undefined ? '' : ` -x -a ${fishQuoted(values.join(' '))}`;
    const described = ({ meaning }: Word): string => `-d ${fishQuoted(brief(meaning))}`;
    return [
      ...level.commands.map((word) => `complete -c multilane -f ${at} -a ${word.text} ${described(word)}`),
      ...level.options.map(
        (word) =>
          `complete -c multilane ${at} -l ${word.text.replace(/^--/, '')} ${described(word)}${valuesOf(word)}`,
      ),
    ];
  });
  const names = levels.filter(({ path }) => path.length > 1).map((level) => fishQuoted(nameOf(level)));
  return `# fish completion of multilane: multilane completion fish | source
function __multilane_at
    set -l level multilane
    for word in (commandline -opc)[2..-1]
        if contains -- "$level $word" ${names.join(' ')}
            set level "$level $word"
        end
    end
    test "$level" = "$argv"
end
${lines.join('\n')}
`;
}

const fishQuoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
