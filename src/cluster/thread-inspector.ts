// A session of the DevTools protocol from the primary into one worker thread. It is the only way into a
// thread that does not need the thread's event loop: V8 serves it by an interrupt, so it reaches a thread in
// an endless loop as well.
//
// Properties of the NodeWorker domain of Node.js (20, 22, 24) that shape this file:
// - The `workerId` of a target is a number of the session; the thread's id is in the title of the target.
// - `enable` attaches to every thread, so all others are detached at once, and threads to come are not
//   attached.
// - Notifications interrupt whatever this thread runs, between any two steps. So they only resolve promises:
//   clearing a timer there, in the middle of Node's own work on its timers, breaks all timers of the process.
// - A target that is not detached stays attached after its session has ended.
import { Session } from 'node:inspector';

/** A thread that cannot be interrupted (e.g. in native code) has not replied after this long. */
const REPLY_MS = 1_000;

/**
 * `THREAD_GONE`: there is no such thread, or it has ended. `SESSION_CLOSED`: `close` was called. `NO_REPLY`:
 * there was no reply in time. `REFUSED`: the reply is an error of the protocol. `BAD_REPLY`: the reply is not
 * of the protocol.
 */
export type InspectorFailure = 'THREAD_GONE' | 'SESSION_CLOSED' | 'NO_REPLY' | 'REFUSED' | 'BAD_REPLY';

export class InspectorError extends Error {
  override readonly name = 'InspectorError';
  readonly code: InspectorFailure;

  constructor(code: InspectorFailure, message: string) {
    super(message);
    this.code = code;
  }
}

interface Reply {
  /** Number of the command; undefined in a notification. */
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message?: unknown } | null;
}

interface Pending {
  /** Receives the whole message as text: the caller decides whether to parse it. */
  readonly resolve: (message: string) => void;
  readonly reject: (error: InspectorError) => void;
}

/** Several sessions may be open at the same time, even into one thread. Close each of them. */
export class ThreadSession {
  readonly threadId: number;
  /** Resolves when the thread has ended or the session is closed. */
  readonly ended: Promise<void>;
  readonly #session = new Session();
  readonly #target: string;
  readonly #pending = new Map<number, Pending>();
  readonly #markEnded: () => void;
  #lastId = 0;
  /** Why nothing can be posted any more; undefined while the session is open. */
  #endedBy: InspectorError | undefined;

  /**
   * Opens a session. This takes far less than a millisecond, whatever the state of the thread.
   * @param threadId as of `Worker`
   * @throws InspectorError THREAD_GONE
   */
  static open(threadId: number): ThreadSession {
    return new ThreadSession(threadId);
  }

  private constructor(threadId: number) {
    this.threadId = threadId;
    let markEnded!: () => void;
    this.ended = new Promise((resolve) => {
      markEnded = resolve;
    });
    this.#markEnded = markEnded;
    this.#session.connect();
    const target = this.#attach();
    if (target === undefined) {
      this.#session.disconnect();
      throw new InspectorError('THREAD_GONE', `there is no thread ${threadId}`);
    }
    this.#target = target;
    this.#session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      if (params.sessionId === target) this.#received(params.message);
    });
    this.#session.on('NodeWorker.detachedFromWorker', ({ params }) => {
      if (params.sessionId === target) {
        this.#finish(new InspectorError('THREAD_GONE', `thread ${threadId} has ended`));
      }
    });
  }

  /**
   * Sends one command, e.g. `Runtime.evaluate`, and waits for its result.
   * @throws InspectorError
   */
  async post<T = unknown>(method: string, params: object = {}, timeoutMs = REPLY_MS): Promise<T> {
    return resultOf(await this.#post(method, params, timeoutMs)) as T;
  }

  /**
   * Does the same as `post` for a large result that is only passed on.
   * @returns the JSON text of the result as it was received
   * @throws InspectorError
   */
  async postForText(method: string, params: object = {}, timeoutMs = REPLY_MS): Promise<string> {
    const message = await this.#post(method, params, timeoutMs);
    // V8 writes `{"id":1,"result":…}`. An error, or any other form, is parsed.
    const head = /^\{"id":\d+,"result":(?=\{)/.exec(message)?.[0];
    if (head === undefined) return JSON.stringify(resultOf(message));
    return message.slice(head.length, -1);
  }

  /** Ends the session, and what it has started in the thread, e.g. a profile. Idempotent. */
  close(): void {
    this.#finish(new InspectorError('SESSION_CLOSED', 'the session is closed'));
  }

  async #post(method: string, params: object, timeoutMs: number): Promise<string> {
    if (this.#endedBy !== undefined) throw this.#endedBy;
    const id = ++this.#lastId;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<string>((resolve, reject) => {
        timer = setTimeout(() => {
          this.#pending.delete(id);
          const what = `thread ${this.threadId}: no reply to ${method} in ${timeoutMs} ms`;
          reject(new InspectorError('NO_REPLY', what));
        }, timeoutMs);
        this.#pending.set(id, { resolve, reject });
        const message = JSON.stringify({ id, method, params });
        this.#session.post('NodeWorker.sendMessageToWorker', { sessionId: this.#target, message });
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** @returns the target of the thread. The notifications arrive before `enable` returns */
  #attach(): string | undefined {
    let wanted: string | undefined;
    const others: string[] = [];
    this.#session.on('NodeWorker.attachedToWorker', ({ params: { sessionId, workerInfo } }) => {
      if (threadOf(workerInfo.title) === this.threadId) wanted = sessionId;
      else others.push(sessionId);
    });
    this.#session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
    this.#session.post('NodeWorker.disable');
    for (const sessionId of others) this.#session.post('NodeWorker.detach', { sessionId });
    return wanted;
  }

  #received(message: string): void {
    // A result may have megabytes, so it is not parsed here, on top of whatever this thread runs.
    const text = /^\{"id":(\d+)/.exec(message)?.[1];
    // This method is called between any two steps of the primary, so it must not throw.
    const id = text === undefined ? replyIn(message)?.id : Number(text);
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || pending === undefined) return; // a notification, or a late reply
    this.#pending.delete(id);
    pending.resolve(message);
  }

  #finish(why: InspectorError): void {
    if (this.#endedBy !== undefined) return;
    this.#endedBy = why;
    for (const { reject } of this.#pending.values()) reject(why);
    this.#pending.clear();
    this.#markEnded();
    // Disconnecting within a notification would free the object that has sent it.
    queueMicrotask(() => {
      this.#session.post('NodeWorker.detach', { sessionId: this.#target });
      this.#session.disconnect();
    });
  }
}

/** @throws InspectorError REFUSED, BAD_REPLY */
export function resultOf(message: string): unknown {
  const reply = replyIn(message);
  if (reply === undefined) throw new InspectorError('BAD_REPLY', 'a reply of the inspector is not an object');
  const { result, error } = reply;
  if (error !== undefined) throw new InspectorError('REFUSED', String(error?.message));
  return result;
}

/** Parses a message; undefined when it is not the JSON of an object. */
function replyIn(message: string): Reply | undefined {
  try {
    const reply: unknown = JSON.parse(message);
    return typeof reply === 'object' && reply !== null ? (reply as Reply) : undefined;
  } catch {
    return undefined;
  }
}

/** The thread id in a title such as `[worker 3] name`. */
const threadOf = (title: string): number => Number(/^\[worker (\d+)\]/.exec(title)?.[1]);
