// The steps by which the process starts. Each step starts some parts and defers how they are stopped; the
// rules are in the modules of those parts. The order of the steps is also, reversed, the order of the end.
import type { EarlyThreads } from '../cluster/early-threads.js';
import type { Settings } from '../config.js';
import type { Signals } from '../process/signals.js';
import type { ProjectListeners } from '../user-code/project-listeners.js';
import { BootState } from './boot-state.js';
import { becomeReady } from './steps/become-ready.js';
import { claimOwnership } from './steps/claim-ownership.js';
import { type Base, openSharedMemory } from './steps/open-shared-memory.js';
import { prepareDatabases } from './steps/prepare-databases.js';
import { startServing } from './steps/start-serving.js';

/**
 * Starts the whole process. Resolves when it is ready, or when it is ending.
 * @param read doubts about the settings, to be logged, the HTTP core, and the settings as operators read them
 * @param earlyThreads threads of workers that load their code meanwhile; those that are not needed are ended
 * @param projectListeners listeners of modules of the project, which end the start
 * @throws whatever fails before the process holds anything; later failures end the process
 */
export async function start(
  settings: Settings,
  read: Pick<Base, 'core' | 'shownSettings' | 'version'> & { readonly warnings: readonly string[] },
  signals: Signals,
  earlyThreads: EarlyThreads,
  projectListeners: ProjectListeners,
): Promise<void> {
  const boot = new BootState(earlyThreads, projectListeners);
  try {
    const base = await openSharedMemory(boot, settings, read);
    const owned = await claimOwnership(boot, base, signals);
    const serving = await startServing(boot, base, owned);
    const databases = await prepareDatabases(boot, base, owned, serving);
    await becomeReady(boot, base, serving, databases);
  } catch (error) {
    await boot.failed(error);
  }
}
