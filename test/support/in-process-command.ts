// `multilane …` in this process, for tests that run it hundreds of times. It must not end the process or wait
// for ever.
import { exitCodeOf, failureText } from '#src/cli/command-failure.js';
import { createProgram } from '#src/cli/program.js';

export interface CommandRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command. Everything that is written to stdout and stderr meanwhile counts as its output. */
export async function runCommand(args: readonly string[]): Promise<CommandRun> {
  const written = { stdout: '', stderr: '' };
  const writeTo =
    (name: keyof typeof written) =>
    (text: string, done?: () => void): boolean => {
      written[name] += text;
      done?.();
      return true;
    };
  const restore = [
    replaced(process.stdout, 'write', writeTo('stdout')),
    replaced(process.stderr, 'write', writeTo('stderr')),
    replaced(process.stdout, 'isTTY', false),
  ];
  try {
    await createProgram().parseAsync([...args], { from: 'user' });
    return { code: 0, ...written };
  } catch (error) {
    const stderr = `${written.stderr}multilane: ${failureText(error)}\n`;
    return { code: exitCodeOf(error), stdout: written.stdout, stderr };
  } finally {
    for (const one of restore) one();
  }
}

/** Replaces a property of a stream. @returns a function that restores it */
function replaced(stream: NodeJS.WriteStream, name: 'write' | 'isTTY', value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(stream, name);
  Object.defineProperty(stream, name, { value, configurable: true });
  return () => {
    Reflect.deleteProperty(stream, name);
    if (own !== undefined) Object.defineProperty(stream, name, own);
  };
}
