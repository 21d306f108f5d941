// Blocks all other threads at the end of the process, so that exit(3) does not free memory that they use. It
// goes through the inspector, which also reaches a thread in an endless loop.
import { Session } from 'node:inspector';
import { blockThreadScript } from './block-thread.js';

/**
 * Blocks every worker thread where it is, forever: call it only when the process ends. A thread in native
 * code is blocked when that code returns. It takes some milliseconds until threads are blocked.
 * @param exceptName name of a thread that is not blocked
 */
export function parkThreads(exceptName: string): void {
  const session = new Session();
  session.connect();
  const params = { expression: blockThreadScript() };
  const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params });
  session.on('NodeWorker.attachedToWorker', ({ params: { sessionId, workerInfo } }) => {
    if (workerInfo.title.endsWith(` ${exceptName}`)) return;
    session.post('NodeWorker.sendMessageToWorker', { sessionId, message });
  });
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
}
