// What this process does for `multilane dev` once it is ready: it replaces its workers when `dev` reports
// that their code has changed.
import type { RollingReload } from '../cluster/rolling-reload.js';
import type { Block } from '../memory/block.js';
import { hasDevParent, onDevMessage, type ReloadResult } from '../process/dev-channel.js';
import type { Threads } from './worker-threads.js';

const LOOK_EVERY_MS = 20;
/** Requests of the former code have this long to finish, whatever DRAIN_MS is. */
const FINISH_WITHIN_MS = 500;

export interface DevelopmentOptions {
  readonly threads: Pick<Threads, 'workers' | 'reload'>;
  readonly block: Pick<Block, 'words'>;
}

export function serveDeveloper(options: DevelopmentOptions): void {
  if (hasDevParent()) onDevMessage(process, 'reload', () => void reload(options));
}

async function reload({ threads, block }: DevelopmentOptions): Promise<void> {
  const result = await replaceAll(threads, block);
  // A channel that has been closed means that `dev` has ended.
  process.send?.(result, undefined, undefined, () => undefined);
}

async function replaceAll(
  { workers, reload }: { readonly workers: Threads['workers']; readonly reload: RollingReload },
  block: Pick<Block, 'words'>,
): Promise<ReloadResult> {
  const drainsSince = new Map<number, number>();
  // A connection that waits for its next request would keep an old worker for the whole drain, and its next
  // response would come from the former code.
  const closing = setInterval(() => {
    const now = performance.now();
    for (const thread of workers.threads) {
      if (thread.retireReason !== 'reload' || thread.leftMs === 0) continue;
      const since = drainsSince.get(thread.slot) ?? now;
      drainsSince.set(thread.slot, since);
      const isIdle = since < now && block.words('workerInFlight', thread.slot)[0] === 0;
      if (isIdle || now - since > FINISH_WITHIN_MS) thread.retire(0);
    }
  }, LOOK_EVERY_MS);
  try {
    const isDone = await reload.begin();
    return { dev: 'reloaded', isDone, failure: isDone ? undefined : reload.failure };
  } finally {
    clearInterval(closing);
  }
}
