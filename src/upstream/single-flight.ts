// Single flight (option `singleFlight`): one call for all callers that request the same at the same time, in
// all workers. The first caller makes it, the others wait for its result. Nothing is stored: a caller that
// comes after the result makes a call of its own. (Pattern: Go's golang.org/x/sync/singleflight, over
// threads.)
//
// Sharing is an option: the requests show that two calls are the same, but only their author knows whether
// they may have the same response.
//
// A claim in shared memory names the worker that makes the call; other workers join it by message and get the
// result by message. The call belongs to no caller: it continues as long as any caller waits, even after the
// one that began it has left. Each caller waits until its own deadline. When the worker is lost, or its call
// ends without a result for others, one of the workers that waited claims the call and makes it again. The
// same happens when a waiting request is interrupted, because the call may have run in the same thread and
// been interrupted with it.
import { Hold, Holds } from '../hold.js';
import { raceAbort } from '../resilience/race-abort.js';
import { currentScope, type SharedWork } from '../scope.js';
import type { CallResponse } from './call.js';
import { isWaiting, SharedCircleError } from './shared-circle.js';
import type { SharedCallMessage, SharedFailure, SharedResponse } from './single-flight-messages.js';
import {
  type MakeSharedCall,
  outcomeOf,
  responseOf,
  type SharedCallOutcome,
  type SharedCallParts,
  sharedPart,
} from './single-flight-outcome.js';

/** Which worker makes which call; memory/call-claims.ts keeps it. */
export interface Claims {
  /** @returns 0: this worker; the slot of another one; negative: unknown, so the call is not shared */
  claim(key: string): number;
  /** @param holder a result of `claim` */
  isHeld(key: string, holder: number): boolean;
  release(key: string): void;
}

export interface Mail {
  receive(deliver: (from: number, message: SharedCallMessage) => void): void;
  send(to: number, message: SharedCallMessage): void;
}

/** `lost`: it is unknown whether the call continues. */
type Result = SharedCallOutcome | { readonly kind: 'lost' };

/** The reply of a worker that makes a call, to one that has joined. */
type Reply = SharedResponse | SharedFailure | 'gone' | 'taken' | 'lost';

/**
 * How often a worker that waits for another one checks its claim, in case that worker or a message is lost.
 */
const LOOK_EVERY_MS = 20;

/** A shared call that callers of this worker wait for. */
interface SharedCall extends SharedCallParts {
  readonly result: Promise<Result>;
  settle(result: Result): void;
  /** Whether this worker makes the call. */
  isLeading: boolean;
  /** Whether this worker holds the claim for it. */
  isClaimed: boolean;
  /** The number of callers in this worker that wait for it. */
  waiters: number;
  /** Slots of the workers that have joined. */
  readonly followers: Set<number>;
}

/** A request that waits for a shared call. */
class Wait extends Hold {
  readonly #onInterrupted: () => void;

  constructor(onInterrupted: () => void) {
    super();
    this.#onInterrupted = onInterrupted;
    this.take(currentScope()?.holds);
  }

  protected override onRelease(): void {
    this.#onInterrupted();
  }
}

export class SingleFlight {
  readonly #claims: Claims;
  readonly #mail: Mail;
  readonly #calls = new Map<string, SharedCall>();
  /** Calls of other workers that this one has joined, by key. */
  readonly #joined = new Map<string, { readonly holder: number; end(reply: Reply): void }>();

  constructor(claims: Claims, mail: Mail) {
    this.#claims = claims;
    this.#mail = mail;
    mail.receive((from, message) => this.#receive(from, message));
  }

  /**
   * @param signal ends the wait of this caller
   * @param onShared called when the result is that of another caller's call
   * @param within the shared call that waits for this caller
   * @throws SharedCircleError when the call to be shared waits for this caller itself
   */
  async run(
    key: string,
    make: MakeSharedCall,
    signal: AbortSignal,
    onShared: () => void,
    within?: SharedWork,
  ): Promise<CallResponse> {
    signal.throwIfAborted();
    const known = this.#calls.get(key);
    if (known !== undefined && within !== undefined && isWaiting(known.work, within))
      throw new SharedCircleError();
    const call = known ?? this.#begin(key, make);
    within?.waitsFor.add(call.work);
    const result = await this.#waitFor(key, call, signal).finally(() => within?.waitsFor.delete(call.work));
    const isUnusable = result.kind === 'lost' || (known !== undefined && sharedPart(result) === undefined);
    if (isUnusable) return this.run(key, make, signal, onShared, within);
    if (known !== undefined || !call.isLeading) onShared();
    return responseOf(result);
  }

  async #waitFor(key: string, call: SharedCall, signal: AbortSignal): Promise<Result> {
    const wait = new Wait(() => this.#lose(key, call));
    call.waiters++;
    try {
      return await raceAbort(call.result, signal);
    } finally {
      wait.end();
      call.waiters--;
      this.#endUnwanted(key, call);
    }
  }

  #begin(key: string, make: MakeSharedCall): SharedCall {
    const controller = new AbortController();
    let settle!: SharedCall['settle'];
    const result = new Promise<Result>((resolve) => {
      settle = resolve;
    });
    const call: SharedCall = {
      controller,
      isLeading: false,
      isClaimed: false,
      waiters: 0,
      followers: new Set(),
      result,
      settle,
      holds: new Holds(),
      work: { waitsFor: new Set() },
    };
    this.#calls.set(key, call);
    // The call begins after this function has returned, so that it is registered before any message about it
    // arrives.
    void Promise.resolve()
      .then(() => this.#take(key, call, make))
      .then(settle);
    return call;
  }

  /** Makes the call, or joins the worker that makes it, until there is an outcome. */
  async #take(key: string, call: SharedCall, make: MakeSharedCall): Promise<SharedCallOutcome> {
    for (;;) {
      const holder = this.#claims.claim(key);
      if (holder <= 0) return this.#lead(key, call, make, holder === 0);
      const reply = await this.#follow(key, call, holder);
      if (typeof reply === 'object') {
        this.#forget(key, call);
        return reply;
      }
      if (reply === 'taken') return this.#lead(key, call, make, false);
      if (call.controller.signal.aborted) return cancelled(call);
    }
  }

  async #lead(
    key: string,
    call: SharedCall,
    make: MakeSharedCall,
    isClaimed: boolean,
  ): Promise<SharedCallOutcome> {
    call.isLeading = true;
    call.isClaimed = isClaimed;
    const outcome = await outcomeOf(make, call);
    this.#forget(key, call);
    const shared = sharedPart(outcome);
    this.#sendToFollowers(call, shared === undefined ? { kind: 'lost', key } : { ...shared, key });
    // The claim is released last: a worker that finds it free has got the message already, or had not joined.
    this.#release(key, call);
    return outcome;
  }

  #sendToFollowers({ followers }: SharedCall, message: SharedCallMessage): void {
    for (const slot of followers) this.#mail.send(slot, message);
    followers.clear();
  }

  /**
   * Ends a shared call after a waiting request was interrupted, because it is unknown whether the call
   * continues. All that waited for it start again.
   */
  #lose(key: string, call: SharedCall): void {
    this.#forget(key, call);
    this.#sendToFollowers(call, { kind: 'lost', key });
    this.#release(key, call);
    call.settle({ kind: 'lost' });
    call.controller.abort();
    call.holds.release();
  }

  /** @returns the reply of the other worker; undefined when it will not reply */
  #follow(key: string, call: SharedCall, holder: number): Promise<Reply | undefined> {
    const { signal } = call.controller;
    return new Promise((resolve) => {
      const end = (reply?: Reply): void => {
        clearInterval(timer);
        signal.removeEventListener('abort', leave);
        if (this.#joined.get(key) === membership) this.#joined.delete(key);
        resolve(reply);
      };
      const membership = { holder, end };
      const leave = (): void => {
        this.#mail.send(holder, { kind: 'leave', key });
        end();
      };
      const timer = setInterval(() => {
        // A reply that was sent before the claim was released is already in the queue of this thread.
        if (!this.#claims.isHeld(key, holder)) setImmediate(end);
      }, LOOK_EVERY_MS);
      signal.addEventListener('abort', leave, { once: true });
      this.#joined.set(key, membership);
      this.#mail.send(holder, { kind: 'join', key });
    });
  }

  #receive(from: number, message: SharedCallMessage): void {
    const { key } = message;
    const call = this.#calls.get(key);
    switch (message.kind) {
      case 'join':
        if (call?.isLeading === true) call.followers.add(from);
        else this.#mail.send(from, { kind: this.#claims.isHeld(key, 0) ? 'taken' : 'gone', key });
        return;
      case 'leave':
        if (call?.followers.delete(from) === true) this.#endUnwanted(key, call);
        return;
      case 'gone':
      case 'taken':
      case 'lost':
        this.#onReply(key, from, message.kind);
        return;
      default:
        this.#onReply(key, from, message);
    }
  }

  #onReply(key: string, from: number, reply: Reply): void {
    const membership = this.#joined.get(key);
    if (membership?.holder === from) membership.end(reply);
  }

  /** Cancels a call for which no caller and no other worker waits any more. */
  #endUnwanted(key: string, call: SharedCall): void {
    if (call.waiters > 0 || call.followers.size > 0) return;
    // No caller may join a call that is being cancelled. The call may end later, when another one holds the
    // claim already.
    this.#forget(key, call);
    this.#release(key, call);
    call.controller.abort();
  }

  #release(key: string, call: SharedCall): void {
    if (call.isClaimed) this.#claims.release(key);
    call.isClaimed = false;
  }

  #forget(key: string, call: SharedCall): void {
    if (this.#calls.get(key) === call) this.#calls.delete(key);
  }
}

const cancelled = ({ controller }: SharedCall): SharedCallOutcome => ({
  kind: 'error',
  error: controller.signal.reason,
  shared: undefined,
});
