// Checks the arguments of a tool against its schema. It is loaded with the first call, because the process
// needs the library for nothing else.
import type { TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';

const MAX_FAULTS = 10;
const MAX_PATH = 100;

/** What is wrong with the arguments, such as `/limit: Expected integer`; empty when nothing is. */
export function faultsIn(input: TSchema, args: unknown): readonly string[] {
  const faults: string[] = [];
  for (const { path, message } of Value.Errors(input, args)) {
    faults.push(`${path === '' ? 'arguments' : path.slice(0, MAX_PATH)}: ${message}`);
    if (faults.length === MAX_FAULTS) break;
  }
  return faults;
}
