// `multilane …` in this process, for tests that run it hundreds of times. It must not end the process or wait
// for ever.
import { exitCodeOf, failureText } from '#src/cli/command-failure.js';
import { createProgram } from '#src/cli/program.js';

export interface CommandRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command. Everything that is written to stdout meanwhile counts as its output. */
export async function runCommand(args: readonly string[]): Promise<CommandRun> {
  let stdout = '';
  const write = (text: string, done: () => void): boolean => {
    stdout += text;
    done();
    return true;
  };
  const restore = [replaced('write', write), replaced('isTTY', false)];
  try {
    await createProgram().parseAsync([...args], { from: 'user' });
    return { code: 0, stdout, stderr: '' };
  } catch (error) {
    return { code: exitCodeOf(error), stdout, stderr: `multilane: ${failureText(error)}\n` };
  } finally {
    for (const one of restore) one();
  }
}

/** Replaces a property of stdout. @returns a function that restores it */
function replaced(name: 'write' | 'isTTY', value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(process.stdout, name);
  Object.defineProperty(process.stdout, name, { value, configurable: true });
  return () => {
    Reflect.deleteProperty(process.stdout, name);
    if (own !== undefined) Object.defineProperty(process.stdout, name, own);
  };
}
