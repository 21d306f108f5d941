// `multilane completion SHELL`: prints a completion script, which the shell reads when it starts.
import { Argument, type Command } from 'commander';
import { completionScript, SHELLS, type Shell } from '../completion-script.js';
import { levelsOf } from '../completion-words.js';
import { print } from '../output.js';

export function completionCommand(program: Command): void {
  program
    .command('completion')
    .description('print a completion script: bash, zsh or fish')
    .addArgument(new Argument('<shell>', 'shell that reads it').choices(SHELLS))
    .action((shell: Shell) => print(completionScript(shell, levelsOf(program)).trimEnd().split('\n')));
}
