// The commands that are clients of an admin plane, found in the program itself.
import type { Command } from 'commander';

/**
 * The commands as they are typed, with `x` for each argument. `bench` only looks at an admin plane beside the
 * server that it measures, so it is not one of them.
 */
export const planeCommandsOf = (program: Command): readonly (readonly string[])[] =>
  program.commands.flatMap((command) => commandsBelow(command));

function commandsBelow(command: Command, above: readonly string[] = []): readonly (readonly string[])[] {
  const words = [...above, command.name()];
  const asks = command.name() !== 'bench' && command.options.some(({ long }) => long === '--admin');
  const typed = [...words, ...command.registeredArguments.map(() => 'x')];
  return [...(asks ? [typed] : []), ...command.commands.flatMap((sub) => commandsBelow(sub, words))];
}
