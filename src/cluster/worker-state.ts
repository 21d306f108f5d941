// The life of one worker thread as a pure state machine: what is valid in a state is carried by it, and a move
// that is not legal is a bug in the supervisor, not a log line.
import type { LeaveReason } from './messages.js';

export type WorkerState =
  | { readonly kind: 'starting' }
  /** In the acceptor's rotation. The descriptor is a raw pointer: it must be removed before the thread ends. */
  | { readonly kind: 'ready'; readonly descriptor: unknown }
  /** It failed and wants to leave, but nobody else serves: in rotation until another is ready. */
  | {
      readonly kind: 'failing';
      readonly descriptor: unknown;
      readonly reason: LeaveReason;
    }
  /** Out of rotation by order, finishing what it has. */
  | { readonly kind: 'draining'; readonly reason: LeaveReason }
  /** Out of rotation and told so: it closes its app and ends. */
  | { readonly kind: 'leaving'; readonly reason: LeaveReason }
  | { readonly kind: 'dead'; readonly reason: LeaveReason | 'lost' };

export type WorkerEvent =
  | { readonly type: 'ready'; readonly descriptor: unknown }
  | { readonly type: 'drain' }
  | { readonly type: 'leaving'; readonly reason: LeaveReason }
  /** Taken out of rotation after it said that it leaves. */
  | { readonly type: 'detach' }
  | { readonly type: 'exit' };

/** @throws Error for a move that is not legal */
export function move(state: WorkerState, event: WorkerEvent): WorkerState {
  switch (event.type) {
    case 'ready':
      if (state.kind === 'starting') return { kind: 'ready', descriptor: event.descriptor };
      break;
    case 'drain':
      if (state.kind === 'starting' || state.kind === 'ready') return { kind: 'draining', reason: 'drained' };
      break;
    case 'leaving':
      if (state.kind === 'ready') return { ...state, kind: 'failing', reason: event.reason };
      if (state.kind === 'starting' || state.kind === 'draining') {
        return { kind: 'leaving', reason: event.reason };
      }
      break;
    case 'detach':
      if (state.kind === 'failing') return { kind: 'leaving', reason: state.reason };
      break;
    case 'exit':
      // Exit without a word ("lost") is what the handshake exists to prevent; it is legal because it happens.
      if (state.kind === 'leaving' || state.kind === 'draining' || state.kind === 'failing')
        return { kind: 'dead', reason: state.reason };
      if (state.kind !== 'dead') return { kind: 'dead', reason: 'lost' };
      break;
  }
  throw new Error(`worker: "${event.type}" is not legal while ${state.kind}`);
}

/** The acceptor holds a pointer into this worker exactly while this is not undefined. */
export function descriptorOf(state: WorkerState): unknown {
  return state.kind === 'ready' || state.kind === 'failing' ? state.descriptor : undefined;
}

/** How the state is shown to operators (CONTRACT section 5). */
export function shownAs(state: WorkerState): 'starting' | 'ready' | 'draining' | 'dead' {
  return state.kind === 'leaving' || state.kind === 'failing' ? 'draining' : state.kind;
}

/** Milliseconds before the next start in a slot: 100 ms doubling to 5 s over consecutive failures. */
export function restartDelay(failures: number): number {
  return failures === 0 ? 0 : Math.min(5_000, 100 * 2 ** (failures - 1));
}
