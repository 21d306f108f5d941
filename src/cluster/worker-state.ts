// The life of one worker thread as a pure state machine: what is valid in a state is carried by it, and a
// move that is not legal is a bug in the supervisor, not a log line.
//
//   starting ──► ready ──► draining ──► leaving ──► dead      in order
//                  └────► failing ────────┘                   it failed and says so
//   any of the last four ──► stalled ──► wedged               its loop does not turn; `resume` leads back
//   `exit` is legal from everywhere: it happens.
import type { LeaveReason } from './messages.js';
import type { Descriptor } from './sharding.js';

/**
 * States in which a loop that stands still is a fault: one that starts may load code for as long as it takes.
 */
export type Turning =
  /** In rotation. The descriptor may hold a raw pointer: removed before the thread ends. */
  | { readonly kind: 'ready'; readonly descriptor: Descriptor }
  /** It failed and wants to leave, but nobody else serves: in rotation until another is ready. */
  | { readonly kind: 'failing'; readonly descriptor: Descriptor; readonly reason: LeaveReason }
  /** Out of rotation by order, finishing what it has. */
  | { readonly kind: 'draining'; readonly reason: LeaveReason }
  /** Out of rotation and told so: it closes its app and ends. */
  | { readonly kind: 'leaving'; readonly reason: LeaveReason };

export type WorkerState =
  | { readonly kind: 'starting' }
  | Turning
  /** Its loop does not turn: out of rotation while what it runs is broken off. */
  | { readonly kind: 'stalled'; readonly before: Turning }
  /**
   * It cannot be broken off: left alone, a successor in its place. Should it ever turn, it finishes and ends.
   */
  | { readonly kind: 'wedged'; readonly before: Extract<Turning, { kind: 'draining' | 'leaving' }> }
  | { readonly kind: 'dead'; readonly reason: LeaveReason | 'lost' };

export type WorkerEvent =
  | { readonly type: 'ready'; readonly descriptor: Descriptor }
  | { readonly type: 'drain' }
  | { readonly type: 'leaving'; readonly reason: LeaveReason }
  /** Taken out of rotation after it said that it leaves. */
  | { readonly type: 'detach' }
  /** Its loop has not turned for STALL_MS. */
  | { readonly type: 'stall' }
  /** It turns again. */
  | { readonly type: 'resume' }
  /** It was told to drain, and nothing reaches it. */
  | { readonly type: 'wedge' }
  | { readonly type: 'exit' };

/** @throws Error for a move that is not legal */
export function move(state: WorkerState, event: WorkerEvent): WorkerState {
  if (event.type === 'exit') return ended(state);
  const next = nextState(state, event);
  if (next === undefined) throw new Error(`worker: "${event.type}" is not legal while ${state.kind}`);
  return next;
}

/** Whether `move` accepts an event that the thread itself has caused by a message. */
export function isLegal(
  state: WorkerState,
  event: Extract<WorkerEvent, { type: 'ready' | 'leaving' }>,
): boolean {
  return nextState(state, event) !== undefined;
}

const nextState = (state: WorkerState, event: WorkerEvent): WorkerState | undefined =>
  state.kind === 'stalled' ? whileStalled(state.before, event) : inOrder(state, event);

function inOrder(
  state: Exclude<WorkerState, { kind: 'stalled' }>,
  event: WorkerEvent,
): WorkerState | undefined {
  switch (event.type) {
    case 'ready':
      return state.kind === 'starting' ? { kind: 'ready', descriptor: event.descriptor } : undefined;
    case 'stall':
      return isTurning(state) ? { kind: 'stalled', before: state } : undefined;
    case 'resume':
      return state.kind === 'wedged' ? state.before : undefined;
    case 'leaving':
      if (state.kind === 'starting') return { kind: 'leaving', reason: event.reason };
      break;
    case 'drain':
      if (state.kind === 'starting') return { kind: 'draining', reason: 'drained' };
      break;
  }
  return isTurning(state) ? onwards(state, event) : undefined;
}

/**
 * What is decided about it meanwhile takes effect when its loop turns; messages wait in its queue until then.
 */
function whileStalled(before: Turning, event: WorkerEvent): WorkerState | undefined {
  if (event.type === 'resume') return before;
  if (event.type === 'wedge') {
    return before.kind === 'draining' || before.kind === 'leaving' ? { kind: 'wedged', before } : undefined;
  }
  const next = onwards(before, event);
  return next === undefined ? undefined : { kind: 'stalled', before: next };
}

function onwards(state: Turning, event: WorkerEvent): Turning | undefined {
  switch (event.type) {
    case 'drain':
      return state.kind === 'ready' ? { kind: 'draining', reason: 'drained' } : undefined;
    case 'leaving':
      if (state.kind === 'ready') return { ...state, kind: 'failing', reason: event.reason };
      return state.kind === 'draining' ? { kind: 'leaving', reason: event.reason } : undefined;
    case 'detach':
      return state.kind === 'failing' ? { kind: 'leaving', reason: state.reason } : undefined;
    default:
      return undefined;
  }
}

/** Exit without a word ("lost") is what the handshake exists to prevent. */
function ended(state: WorkerState): WorkerState {
  if (state.kind === 'dead') throw new Error('worker: "exit" is not legal while dead');
  const last = state.kind === 'stalled' || state.kind === 'wedged' ? state.before : state;
  return { kind: 'dead', reason: 'reason' in last ? last.reason : 'lost' };
}

function isTurning(state: WorkerState): state is Turning {
  const { kind } = state;
  return kind === 'ready' || kind === 'failing' || kind === 'draining' || kind === 'leaving';
}

/** Whether the worker serves, or will as soon as its loop turns again. */
export function mayServe(state: WorkerState): boolean {
  return descriptorOf(state.kind === 'stalled' ? state.before : state) !== undefined;
}

/** The rotation may hold a pointer into this worker exactly while this is not undefined. */
export function descriptorOf(state: WorkerState): Descriptor | undefined {
  return state.kind === 'ready' || state.kind === 'failing' ? state.descriptor : undefined;
}

/** How the state is shown to operators (CONTRACT section 5). */
export const SHOWN_STATES = ['starting', 'ready', 'draining', 'stalled', 'wedged', 'dead'] as const;

/**
 * @param isOverdue it was to end long ago: it counts with those that stand still, for it may never end either
 */
export function shownAs(state: WorkerState, isOverdue = false): (typeof SHOWN_STATES)[number] {
  if (isOverdue && state.kind !== 'dead') return 'wedged';
  return state.kind === 'leaving' || state.kind === 'failing' ? 'draining' : state.kind;
}
