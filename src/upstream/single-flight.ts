// One call for all who want the same at the same time, in all workers (option `singleFlight`): the first
// makes it, the others wait for its answer. Nothing is stored: who comes when the answer is there makes a
// call of its own.
//
// Only for who asks for it: that two requests are the same, what is sent says; that they may have the same
// answer, only their author knows. (Pattern: Go's golang.org/x/sync/singleflight, over threads.)
//
// A claim in shared memory says which worker makes the call; it is asked by message and answers by message.
// The call is nobody's own: it goes on while anybody waits, whoever has left. Each waits until its own
// deadline. If the worker is lost, or its call ended in a way that is no answer for others, those who waited
// for it elect anew. So they do when a request that waits is broken off, because the call, which may have run
// in the same thread, may have ended with it.
import { types } from 'node:util';
import { type ErrorCode, HttpError } from '../errors.js';
import { Hold, Holds } from '../hold.js';
import { raceAbort } from '../resilience/race-abort.js';
import { currentScope } from '../scope.js';
import { BufferedResponse } from './buffered-response.js';
import type { CallResponse } from './call.js';

/** Who makes which call. memory/call-claims.ts keeps it. */
export interface Claims {
  /** 0: this worker; the slot of another one; negative: nobody can tell, do not share. */
  claim(key: string): number;
  /** @param holder as `claim` answers it */
  isHeld(key: string, holder: number): boolean;
  release(key: string): void;
}

export interface Mail {
  receive(deliver: (from: number, message: SharedCallMessage) => void): void;
  send(to: number, message: SharedCallMessage): void;
}

interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly notExecuted: boolean;
  readonly body: Uint8Array;
}

/** An error that would have met everybody. */
interface Failure {
  readonly kind: 'failure';
  readonly code: string;
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>> | undefined;
}

/**
 * `gone`: no call of this key is under way. `taken`: nor will one be soon, the place is another key's.
 * `lost`: the call that was waited for has no answer for others.
 */
export type SharedCallMessage = { readonly key: string } & (
  | { readonly kind: 'ask' }
  | { readonly kind: 'left' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'taken' }
  | { readonly kind: 'lost' }
  | Answer
  | Failure
);

/** A message as another worker has sent it; undefined for what only code of a service can have posted. */
export function readSharedCallMessage(data: unknown): SharedCallMessage | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const message = data as Partial<Record<keyof Answer | keyof Failure | 'key', unknown>>;
  return typeof message.key === 'string' && isWhole(message) ? (data as SharedCallMessage) : undefined;
}

function isWhole(message: Partial<Record<keyof Answer | keyof Failure, unknown>>): boolean {
  const { kind, status, headers, notExecuted, body, code, detail } = message;
  switch (kind) {
    case 'ask':
    case 'left':
    case 'gone':
    case 'taken':
    case 'lost':
      return true;
    case 'answer':
      return (
        Number.isInteger(status) &&
        isFields(headers) &&
        typeof notExecuted === 'boolean' &&
        types.isUint8Array(body) &&
        types.isArrayBuffer(body.buffer)
      );
    case 'failure':
      return (
        typeof code === 'string' && typeof detail === 'string' && (headers === undefined || isFields(headers))
      );
    default:
      return false;
  }
}

const isFields = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((field) => typeof field === 'string');

/**
 * `own`: an answer for nobody but who has made the call. `error`: of this worker's own call, with what others
 * are to be told of it; undefined: nothing.
 */
type Ended =
  | Answer
  | Failure
  | { readonly kind: 'own'; readonly answer: Answer }
  | { readonly kind: 'error'; readonly error: unknown; readonly told: Failure | undefined };

/** `lost`: nobody knows whether the call goes on. */
type FlightOutcome = Ended | { readonly kind: 'lost' };

/** What a worker that was asked has said. */
type Told = Answer | Failure | 'gone' | 'taken' | 'lost';

/** In case the worker that was asked is lost, or the question was. */
const LOOK_EVERY_MS = 20;
const GATEWAY_TIMEOUT = 504;

interface Flight {
  readonly controller: AbortController;
  readonly outcome: Promise<FlightOutcome>;
  settle(outcome: FlightOutcome): void;
  /** What its call holds. */
  readonly holds: Holds;
  isLeading: boolean;
  /** Its place is taken in the name of this flight. */
  isClaimed: boolean;
  /** In this worker. */
  waiters: number;
  /** Slots of workers in which somebody waits for this. */
  readonly followers: Set<number>;
}

/** Makes the call; it is worth nothing any more when the signal aborts. */
export type Perform = (signal: AbortSignal, holds: Holds) => Promise<CallResponse>;

/** A request waits for a flight. */
class Wait extends Hold {
  readonly #lost: () => void;

  constructor(lost: () => void) {
    super();
    this.#lost = lost;
    this.take(currentScope()?.holds);
  }

  protected override onRelease(): void {
    this.#lost();
  }
}

export class SingleFlight {
  readonly #claims: Claims;
  readonly #mail: Mail;
  readonly #flights = new Map<string, Flight>();
  /** Those that wait for another worker, by key. */
  readonly #asked = new Map<string, { readonly holder: number; end(told: Told): void }>();

  constructor(claims: Claims, mail: Mail) {
    this.#claims = claims;
    this.#mail = mail;
    mail.receive((from, message) => this.#receive(from, message));
  }

  /**
   * @param signal of this one waiter: with it, it stops waiting
   * @param shared told when the answer was of another's call
   */
  async run(key: string, perform: Perform, signal: AbortSignal, shared: () => void): Promise<CallResponse> {
    signal.throwIfAborted();
    const known = this.#flights.get(key);
    const flight = known ?? this.#begin(key, perform);
    const outcome = await this.#waitFor(key, flight, signal);
    const isNone = outcome.kind === 'lost' || (known !== undefined && toldOf(outcome) === undefined);
    if (isNone) return this.run(key, perform, signal, shared);
    if (known !== undefined || !flight.isLeading) shared();
    return responseOf(outcome);
  }

  async #waitFor(key: string, flight: Flight, signal: AbortSignal): Promise<FlightOutcome> {
    const wait = new Wait(() => this.#lose(key, flight));
    flight.waiters++;
    try {
      return await raceAbort(flight.outcome, signal);
    } finally {
      wait.end();
      flight.waiters--;
      this.#endUnwanted(key, flight);
    }
  }

  #begin(key: string, perform: Perform): Flight {
    const controller = new AbortController();
    let settle!: Flight['settle'];
    const outcome = new Promise<FlightOutcome>((resolve) => {
      settle = resolve;
    });
    const flight: Flight = {
      controller,
      isLeading: false,
      isClaimed: false,
      waiters: 0,
      followers: new Set(),
      outcome,
      settle,
      holds: new Holds(),
    };
    this.#flights.set(key, flight);
    // After this function, so that it is known when anybody asks.
    void Promise.resolve()
      .then(() => this.#fly(key, flight, perform))
      .then(settle);
    return flight;
  }

  async #fly(key: string, flight: Flight, perform: Perform): Promise<Ended> {
    for (;;) {
      const holder = this.#claims.claim(key);
      if (holder <= 0) return this.#lead(key, flight, perform, holder === 0);
      const told = await this.#follow(key, flight, holder);
      if (typeof told === 'object') {
        this.#forget(key, flight);
        return told;
      }
      if (told === 'taken') return this.#lead(key, flight, perform, false);
      if (flight.controller.signal.aborted) return calledOff(flight);
    }
  }

  async #lead(key: string, flight: Flight, perform: Perform, isClaimed: boolean): Promise<Ended> {
    flight.isLeading = true;
    flight.isClaimed = isClaimed;
    const outcome = await outcomeOf(perform, flight);
    this.#forget(key, flight);
    const told = toldOf(outcome);
    this.#tell(flight, told === undefined ? { kind: 'lost', key } : { ...told, key });
    // Last: who finds the place free has been told, or had not asked.
    this.#release(key, flight);
    return outcome;
  }

  #tell({ followers }: Flight, message: SharedCallMessage): void {
    for (const slot of followers) this.#mail.send(slot, message);
    followers.clear();
  }

  /** Nobody knows whether its call goes on. */
  #lose(key: string, flight: Flight): void {
    this.#forget(key, flight);
    this.#tell(flight, { kind: 'lost', key });
    this.#release(key, flight);
    flight.settle({ kind: 'lost' });
    flight.controller.abort();
    flight.holds.release();
  }

  /** What the other worker says; undefined: it will say nothing. */
  #follow(key: string, flight: Flight, holder: number): Promise<Told | undefined> {
    const { signal } = flight.controller;
    return new Promise((resolve) => {
      const end = (told?: Told): void => {
        clearInterval(timer);
        signal.removeEventListener('abort', leave);
        if (this.#asked.get(key) === question) this.#asked.delete(key);
        resolve(told);
      };
      const question = { holder, end };
      const leave = (): void => {
        this.#mail.send(holder, { kind: 'left', key });
        end();
      };
      const timer = setInterval(() => {
        // What was sent before the place was left is in our queue: it comes first.
        if (!this.#claims.isHeld(key, holder)) setImmediate(end);
      }, LOOK_EVERY_MS);
      signal.addEventListener('abort', leave, { once: true });
      this.#asked.set(key, question);
      this.#mail.send(holder, { kind: 'ask', key });
    });
  }

  #receive(from: number, message: SharedCallMessage): void {
    const { key } = message;
    const flight = this.#flights.get(key);
    switch (message.kind) {
      case 'ask':
        if (flight?.isLeading === true) flight.followers.add(from);
        else this.#mail.send(from, { kind: this.#claims.isHeld(key, 0) ? 'taken' : 'gone', key });
        return;
      case 'left':
        if (flight?.followers.delete(from) === true) this.#endUnwanted(key, flight);
        return;
      case 'gone':
      case 'taken':
      case 'lost':
        this.#answered(key, from, message.kind);
        return;
      default:
        this.#answered(key, from, message);
    }
  }

  #answered(key: string, from: number, told: Told): void {
    const question = this.#asked.get(key);
    if (question?.holder === from) question.end(told);
  }

  #endUnwanted(key: string, flight: Flight): void {
    if (flight.waiters > 0 || flight.followers.size > 0) return;
    // Nobody may join what is being called off. It may end late: by then the place is another flight's.
    this.#forget(key, flight);
    this.#release(key, flight);
    flight.controller.abort();
  }

  #release(key: string, flight: Flight): void {
    if (flight.isClaimed) this.#claims.release(key);
    flight.isClaimed = false;
  }

  #forget(key: string, flight: Flight): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}

async function outcomeOf(perform: Perform, { controller, holds }: Flight): Promise<Ended> {
  const { signal } = controller;
  try {
    const response = await perform(signal, holds);
    const { status, headers, notExecuted } = response;
    const answer: Answer = {
      kind: 'answer',
      ...{ status, headers: { ...headers }, notExecuted, body: response.bytes() },
    };
    // The deadline that has passed is that of who has made the call.
    return status === GATEWAY_TIMEOUT ? { kind: 'own', answer } : answer;
  } catch (error) {
    return { kind: 'error', error, told: signal.aborted ? undefined : failureOf(error) };
  }
}

/** A deadline is one's own, and what is no HttpError cannot be sent. */
function failureOf(error: unknown): Failure | undefined {
  if (!(error instanceof HttpError) || error.status === GATEWAY_TIMEOUT) return undefined;
  return { kind: 'failure', code: error.code, detail: error.message, headers: error.headers };
}

/** What of it is for others as well. */
function toldOf(outcome: Ended): Answer | Failure | undefined {
  switch (outcome.kind) {
    case 'own':
      return undefined;
    case 'error':
      return outcome.told;
    default:
      return outcome;
  }
}

const calledOff = ({ controller }: Flight): Ended => ({
  kind: 'error',
  error: controller.signal.reason,
  told: undefined,
});

/** Fresh for every waiter: none can change what another reads. */
function responseOf(outcome: Ended): CallResponse {
  if (outcome.kind === 'answer') {
    const { status, headers, body, notExecuted } = outcome;
    return new BufferedResponse(status, { ...headers }, body, { notExecuted, isFinal: false });
  }
  if (outcome.kind === 'own') return responseOf(outcome.answer);
  if (outcome.kind === 'error') throw outcome.error;
  const { code, detail, headers } = outcome;
  throw new HttpError(code as ErrorCode, detail, headers === undefined ? {} : { headers });
}
