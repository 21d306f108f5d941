// The caller's end of the channel on which a task reports its progress. It goes directly from the thread of
// the task to the worker of the caller. A value is delivered while the caller waits, never after the result.
import { AsyncResource } from 'node:async_hooks';
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { type Packed, unpackedClone } from './task-clone.js';

export class ProgressPort {
  /** The other end, for the thread. */
  readonly remote: MessagePort;
  readonly #port: MessagePort;
  readonly #deliver: (message: Packed) => void;

  /**
   * @param onProgress called with each value
   * @param failed called with what `onProgress` throws, and with what makes a value unreadable
   */
  constructor(onProgress: (value: unknown) => unknown, failed: (error: unknown) => void) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.remote = port2;
    // A message arrives in the context of the port. The function runs in that of the call, as its request.
    this.#deliver = AsyncResource.bind(
      (message: Packed) => void this.#call(onProgress, message).catch(failed),
    );
    port1.on('message', this.#deliver);
    port1.unref();
  }

  /** The result has arrived: delivers what was sent before it, and closes. */
  drain(): void {
    // The thread has sent its last value before its result, so it has arrived here.
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { readonly message: Packed } | undefined;
      if (received === undefined) break;
      this.#deliver(received.message);
    }
    this.close();
  }

  close(): void {
    this.#port.removeAllListeners('message');
    this.#port.close();
    this.remote.close();
  }

  /** It is async so that `failed` gets the rejection of an async function too. */
  async #call(onProgress: (value: unknown) => unknown, message: Packed): Promise<void> {
    await onProgress(unpackedClone(message));
  }
}
