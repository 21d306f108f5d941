// What a thread spends its time on, seen from outside: V8's sampling profiler, started and stopped through
// the inspector. Needs nothing of the thread's loop, so a thread that stands still in JavaScript is profiled
// as well.
import { ThreadSession } from './thread-inspector.js';

/** Chrome's own default: a sample costs the thread some microseconds. */
const INTERVAL_US = 1_000;
/** A long profile is put together by the thread itself, in whatever time the others leave it. */
const STOP_MS = 15_000;

/**
 * Profiles a thread for so long. Nothing is left behind in it, whatever the end.
 * @param signal ends it early: the promise rejects with SESSION_CLOSED
 * @returns a `.cpuprofile`: the JSON of `Profiler.Profile`, never parsed on its way
 * @throws InspectorError THREAD_GONE when the thread ends meanwhile; NO_REPLY when it is in native code that
 *   does not return
 */
export async function cpuProfile(threadId: number, ms: number, signal: AbortSignal): Promise<string> {
  const session = ThreadSession.open(threadId);
  const close = (): void => session.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    if (signal.aborted) close();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_US });
    await session.post('Profiler.start');
    await passed(ms, session.ended);
    return profileIn(await session.postForText('Profiler.stop', {}, STOP_MS));
  } finally {
    signal.removeEventListener('abort', close);
    session.close();
  }
}

/** Resolves after so long, or when it has `ended`. */
async function passed(ms: number, ended: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([over, ended]);
  clearTimeout(timer);
}

/** @param result `{"profile":{…}}` */
function profileIn(result: string): string {
  const head = '{"profile":';
  if (!result.startsWith(head)) throw new Error('Profiler.stop answered without a profile');
  return result.slice(head.length, -1);
}
