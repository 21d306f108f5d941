// Stops all other threads at the end of the process, through the inspector: it reaches a thread in an endless
// loop as well.
import { Session } from 'node:inspector';
import { blockThreadScript } from './block-thread.js';

/**
 * Stops every worker thread where it is, for good: call only when the process ends. A thread in native code
 * is not reached, and stops when that returns. Takes effect some milliseconds later.
 * @param but the name of one that goes on
 */
export function parkThreads(but: string): void {
  const session = new Session();
  session.connect();
  const params = { expression: blockThreadScript() };
  const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params });
  session.on('NodeWorker.attachedToWorker', ({ params: { sessionId, workerInfo } }) => {
    if (workerInfo.title.endsWith(` ${but}`)) return;
    session.post('NodeWorker.sendMessageToWorker', { sessionId, message });
  });
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
}
