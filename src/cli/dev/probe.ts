// A short-lived process that loads the project once, as the primary would, and reports its definition. It
// waits with the modules of the runtime loaded, so that the report takes only as long as the project's own.
import { startFailure } from '../../process/start-failure.js';
import { type DefinitionOptions, readDefinition } from './project-definition.js';

/** What a probe reports. */
export type ProbeResult = { readonly definition: string } | { readonly failure: string };

/** Waits for the order of `dev`, reports, and ends. */
export function runProbe(): void {
  process.once('message', (options) => void report(options as DefinitionOptions));
  // `dev` has ended.
  process.once('disconnect', () => process.exit(0));
}

async function report(options: DefinitionOptions): Promise<void> {
  const result = await probed(options);
  // Code of the project may keep the event loop alive.
  process.send?.(result, undefined, undefined, () => process.exit(0));
}

async function probed(options: DefinitionOptions): Promise<ProbeResult> {
  try {
    return { definition: await readDefinition(options) };
  } catch (error) {
    return { failure: `multilane: ${startFailure(error).message}\n` };
  }
}
