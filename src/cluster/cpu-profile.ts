// Profiles a thread from outside: V8's sampling profiler is started and stopped through the inspector. This
// does not need the event loop of the thread, so a thread that is stalled in JavaScript can be profiled as
// well.
import { ThreadSession } from './thread-inspector.js';

/** The time between two samples, as in Chrome by default. A sample costs the thread some microseconds. */
const INTERVAL_US = 1_000;
/** The longest wait for the start: the thread may get little CPU time. */
const START_MS = 5_000;
/**
 * The longest wait for the finished profile. The thread itself writes it, which takes long for a long profile
 * and for a thread that gets little CPU time.
 */
const STOP_MS = 15_000;

/**
 * Profiles a thread. The profiler is removed from the thread in every case, also after a failure.
 * @param ms the length of the profile in milliseconds
 * @param signal ends it early: the promise rejects with SESSION_CLOSED
 * @returns a `.cpuprofile`: the JSON of `Profiler.Profile`, passed on without being parsed
 * @throws InspectorError THREAD_GONE when the thread ends meanwhile; NO_REPLY when it is in native code that
 *   does not return, or gets no CPU time
 */
export async function cpuProfile(threadId: number, ms: number, signal: AbortSignal): Promise<string> {
  const session = ThreadSession.open(threadId);
  const close = (): void => session.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    if (signal.aborted) close();
    await session.post('Profiler.enable', {}, START_MS);
    await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_US }, START_MS);
    await session.post('Profiler.start', {}, START_MS);
    await passed(ms, session.ended);
    return profileIn(await session.postForText('Profiler.stop', {}, STOP_MS));
  } finally {
    signal.removeEventListener('abort', close);
    session.close();
  }
}

/** Resolves after `ms` milliseconds, or earlier when the session has `ended`. */
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
  if (!result.startsWith(head)) throw new Error('Profiler.stop returned no profile');
  return result.slice(head.length, -1);
}
