// `node --test`, with which a project runs its own tests.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cleanEnvironment, within } from './cluster.js';

const END_MS = 45_000;

/** @param files test files. Default: those that `node --test` finds in the folder */
export async function nodeTest(
  folder: string,
  files: readonly string[] = [],
  variables: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly output: string }> {
  const env = cleanEnvironment({ NODE_V8_COVERAGE: '', ...variables });
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', ...files], { cwd: folder, env });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await within(END_MS, once(child, 'close'), () => output)) as [number | null];
  return { code, output };
}
