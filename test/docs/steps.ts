// Commands of a page with the outputs that it shows: the blocks of `sh`, in which comments below a command
// are what it prints.

export interface Step {
  readonly command: string;
  /** The output that the comments below the command show, without the last line break. */
  readonly prints: string | undefined;
}

/** The blocks of a language in a text of Markdown. */
export const blocksOf = (text: string, language: string): readonly string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, block]) => block!,
  );

/** Splits a block into steps. A command may have several lines inside of quotes. */
export function stepsOf(block: string): readonly Step[] {
  const steps: { command: string; prints: string | undefined }[] = [];
  let open = '';
  for (const line of block.trimEnd().split('\n')) {
    const last = steps.at(-1);
    if (open === '' && /^#( |$)/.test(line) && last !== undefined)
      last.prints = last.prints === undefined ? line.slice(2) : `${last.prints}\n${line.slice(2)}`;
    else if (open !== '' || line !== '') {
      open += `${line}\n`;
      if (open.split("'").length % 2 === 0) continue;
      steps.push({ command: open.trimEnd(), prints: undefined });
      open = '';
    }
  }
  return steps;
}

/** Makes a pattern of an output, in which `…` stands for a part of a line that differs in every run. */
export const asPattern = (text: string): RegExp =>
  new RegExp(`^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '[^\\n]*?')}$`);
