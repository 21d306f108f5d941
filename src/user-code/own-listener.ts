// A listener that code of a project opens by itself, in words: for the error of a start, and for the log.
import type { ConfigError } from '../errors.js';
import { listenersOn } from '../port-listeners.js';
import { deepenStacks } from './deep-stacks.js';
import type { FixedAddress } from './fixed-address.js';
import { formatLocation, packageOnStack, projectError, projectLocation } from './project-error.js';

const LISTENS = 'the process listens by itself, on `port` of defineConfig or PORT';
const REMOVE_LISTEN = `Remove the call of \`listen\`: ${LISTENS}.`;
const MOUNT = `Mount its application by \`mountNode\` of a service, without a call of \`listen\`: ${LISTENS}.`;
const DECLARE = 'Declare its methods as `grpc` of a service: the process serves them, on GRPC_PORT.';
const REMOVE_FORK =
  'Remove the calls of `fork`: the process runs the project in as many threads as WORKERS says.';
const OWN_PROCESS = 'Remove the call: what needs an address of its own needs a process of its own.';

const CLUSTER = 'node:cluster';

/** A call of `listen` or `bind` for an address that only one thread can have. */
export class OwnListener {
  readonly #address: FixedAddress;
  /** The frames of the call. */
  readonly #frames: string;
  /** The line of the project. Packages may listen in a callback of their own, without one on the stack. */
  readonly #location: string | undefined;
  /** The package whose code has made the call. */
  readonly #caller: string | undefined;
  #failure: Error | undefined;
  /** Why it does not listen. */
  #reason = '';

  /** Create it within the call. */
  constructor(address: FixedAddress) {
    this.#address = address;
    const restoreStacks = deepenStacks();
    const call = new Error();
    restoreStacks();
    this.#frames = String(call.stack).replace(/^.*\n/, '');
    this.#location = projectLocation(call);
    this.#caller = this.#frames.includes('node:internal/cluster/') ? CLUSTER : packageOnStack(call);
  }

  /** The call has failed. */
  failed(error: NodeJS.ErrnoException): void {
    const { port } = this.#address;
    const isHeld = error.code === 'EADDRINUSE' && port !== undefined && listenersOn(port).length > 0;
    this.#failure = error;
    this.#reason = isHeld ? 'this process listens there already (EADDRINUSE)' : error.message;
  }

  /** node:cluster listens for a child process. It keeps the port and not the server. */
  get isOfCluster(): boolean {
    return this.#caller === CLUSTER;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * The error with which the start fails.
   * @param file the module that was loaded
   * @param during what was in progress
   */
  refusal(file: string, during: string): ConfigError {
    const what =
      this.#failure === undefined
        ? `${this.#attempt('listens')}, which the next thread that loads it cannot do`
        : `${this.#attempt('cannot listen')}: ${this.#reason}`;
    const call = new Error(what);
    call.stack = `${what}\n${this.#frames}`;
    return projectError(call, during, { file: formatLocation(file), next: this.#next });
  }

  /** What has become of it in a process that goes on. */
  outcome(): string {
    const place = this.#location === undefined ? '' : `${this.#location}: `;
    return this.#failure === undefined
      ? `${place}${this.#attempt('listened')}, which only one thread can do and no limit holds for; its listener ` +
          'was closed'
      : `${place}${this.#attempt('could not listen')}: ${this.#reason}`;
  }

  /** The same with the next step, for the log. */
  report(): string {
    return `${this.outcome()}. ${this.#next}`;
  }

  #attempt(verb: string): string {
    const isNamed = this.#location === undefined && this.#caller !== undefined;
    const subject = isNamed ? this.#caller.replace(/^(?!node:)/, 'the package ') : 'it';
    return `${subject} ${verb} on ${this.#address.text} by itself`;
  }

  get #next(): string {
    if (this.#caller === '@grpc/grpc-js') return DECLARE;
    if (this.#caller === CLUSTER) return REMOVE_FORK;
    if (this.#address.port === undefined) return OWN_PROCESS;
    return this.#location === undefined && this.#caller !== undefined ? MOUNT : REMOVE_LISTEN;
  }
}
