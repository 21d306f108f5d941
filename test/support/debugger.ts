// A debugger that sets one breakpoint in every thread of a process, by the protocol of the inspector
// (https://chromedevtools.github.io/devtools-protocol/). Editors find threads by the domain NodeWorker,
// Chrome by Target.
import { once } from 'node:events';
import { WebSocket } from 'ws';

export type Discovery = 'NodeWorker' | 'Target';

export interface Breakpoint {
  /** The URL of the script. */
  readonly url: string;
  /** The number of the line, from 0. */
  readonly lineNumber: number;
}

interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: {
    readonly sessionId?: string;
    readonly message?: string;
    readonly reason?: string;
    readonly hitBreakpoints?: readonly string[];
  };
  readonly error?: { readonly message: string };
}

/** A thread. The session of the main thread has no name. */
export type Session = string | undefined;

export class Debugger {
  readonly #socket: WebSocket;
  readonly #discovery: Discovery;
  readonly #breakpoint: Breakpoint;
  readonly #waiting = new Map<string, { resolve(): void; reject(error: Error): void }>();
  readonly #armed = new Map<string, Promise<void>>();
  #calls = 0;
  #hit: (session: Session) => void = () => undefined;
  /** Resolves when a thread has stopped at the breakpoint. */
  readonly stopped = new Promise<Session>((resolve) => (this.#hit = resolve));

  /**
   * Attaches to a process and its threads.
   * @throws Error when the process does not have this way to threads
   */
  static async attach(url: string, breakpoint: Breakpoint, discovery: Discovery): Promise<Debugger> {
    const socket = new WebSocket(url);
    const attached = new Debugger(socket, breakpoint, discovery);
    await once(socket, 'open');
    await attached.#start();
    return attached;
  }

  private constructor(socket: WebSocket, breakpoint: Breakpoint, discovery: Discovery) {
    this.#socket = socket;
    this.#discovery = discovery;
    this.#breakpoint = breakpoint;
    socket.on('message', (data: Buffer) => this.#receive(JSON.parse(data.toString()) as Message));
    socket.on('error', () => undefined); // The end of the process is the test's subject, not that of the socket.
  }

  /** The threads of the process beside the main one, once the breakpoint is set in all of them. */
  async threads(): Promise<readonly string[]> {
    await Promise.all(this.#armed.values());
    return [...this.#armed.keys()];
  }

  /** Lets a thread run on. */
  async resume(session: Session): Promise<void> {
    await this.#call(session, 'Debugger.resume');
  }

  close(): void {
    this.#socket.terminate();
  }

  /** The threads wait until the breakpoint is set in them, and the main thread until they will. */
  async #start(): Promise<void> {
    if (this.#discovery === 'NodeWorker')
      await this.#call(undefined, 'NodeWorker.enable', { waitForDebuggerOnStart: true });
    else {
      const options = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true };
      await this.#call(undefined, 'Target.setAutoAttach', options);
    }
    await this.#arm(undefined);
  }

  async #arm(session: Session): Promise<void> {
    await this.#call(session, 'Debugger.enable');
    await this.#call(session, 'Debugger.setBreakpointByUrl', this.#breakpoint);
    await this.#call(session, 'Runtime.runIfWaitingForDebugger');
  }

  #call(session: Session, method: string, params: object = {}): Promise<void> {
    const id = ++this.#calls;
    const message = { id, method, params };
    const sent =
      session === undefined || this.#discovery === 'Target'
        ? { ...message, ...(session !== undefined && { sessionId: session }) }
        : {
            id: ++this.#calls,
            method: 'NodeWorker.sendMessageToWorker',
            params: { sessionId: session, message: JSON.stringify(message) },
          };
    this.#socket.send(JSON.stringify(sent));
    return new Promise((resolve, reject) => this.#waiting.set(`${session} ${id}`, { resolve, reject }));
  }

  #receive(message: Message, session: Session = message.sessionId): void {
    const { id, method, params = {}, error } = message;
    if (id !== undefined) {
      const waiting = this.#waiting.get(`${session} ${id}`);
      if (error === undefined) waiting?.resolve();
      else waiting?.reject(new Error(error.message));
    } else if (method === 'NodeWorker.attachedToWorker' || method === 'Target.attachedToTarget')
      this.#armed.set(params.sessionId!, this.#arm(params.sessionId));
    else if (method === 'NodeWorker.receivedMessageFromWorker')
      this.#receive(JSON.parse(params.message!) as Message, params.sessionId);
    else if (method === 'Debugger.paused') {
      if (params.hitBreakpoints?.length) this.#hit(session);
      else void this.resume(session); // It is the stop before the first line.
    }
  }
}
