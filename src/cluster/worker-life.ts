// The life of one worker thread as a pure state machine. A state carries the data that is valid in it, and an
// illegal move is a bug in the supervisor. supervisor.ts starts and replaces threads, worker-thread.ts is one
// of them as the primary sees it, and worker-side.ts is its own end of the protocol.
//
//   starting ──► ready ──► draining ──► leaving ──► dead      an end in order
//                  └────► failing ────────┘                   the thread failed and wants to leave
//   ready, draining, failing, leaving ──► stalled ──► wedged  the event loop is stalled; `resume` leads back
//   any state but dead ──► dead                               the thread has exited
import type { LeaveReason } from './messages.js';
import type { Descriptor } from './sharding.js';

/**
 * The states in which the event loop has to run. In the others a stall is not a fault: a thread that starts
 * may load code for as long as it takes.
 */
export type RunningState =
  /**
   * The thread is in rotation. Its descriptor may hold a raw pointer and is removed before the thread ends.
   */
  | { readonly kind: 'ready'; readonly descriptor: Descriptor }
  /** The thread has failed and wants to leave. It stays in rotation until another thread is ready. */
  | { readonly kind: 'failing'; readonly descriptor: Descriptor; readonly reason: LeaveReason }
  /** The thread was taken out of rotation by order, and finishes its requests. */
  | { readonly kind: 'draining'; readonly reason: LeaveReason }
  /** The thread is out of rotation and has been sent `detached`: it closes its app and ends. */
  | { readonly kind: 'leaving'; readonly reason: LeaveReason };

export type WorkerState =
  | { readonly kind: 'starting' }
  | RunningState
  /** The event loop is stalled. The thread is paused in the rotation while what it runs is interrupted. */
  | { readonly kind: 'stalled'; readonly before: RunningState }
  /**
   * The thread is stalled and cannot be interrupted, and a successor runs beside it. If its loop ever runs
   * again, the thread finishes its requests and ends.
   */
  | { readonly kind: 'wedged'; readonly before: Extract<RunningState, { kind: 'draining' | 'leaving' }> }
  | { readonly kind: 'dead'; readonly reason: LeaveReason | 'lost' };

export type WorkerEvent =
  | { readonly type: 'ready'; readonly descriptor: Descriptor }
  | { readonly type: 'drain' }
  | { readonly type: 'leaving'; readonly reason: LeaveReason }
  /** A failing thread was taken out of rotation. */
  | { readonly type: 'detach' }
  /** The event loop has been stalled for STALL_MS. */
  | { readonly type: 'stall' }
  /** The event loop runs again. */
  | { readonly type: 'resume' }
  /** The thread was ordered to drain, and cannot be interrupted. */
  | { readonly type: 'wedge' }
  | { readonly type: 'exit' };

/** @throws Error for a move that is not legal */
export function move(state: WorkerState, event: WorkerEvent): WorkerState {
  if (event.type === 'exit') return ended(state);
  const next = nextState(state, event);
  if (next === undefined) throw new Error(`worker: "${event.type}" is not legal while ${state.kind}`);
  return next;
}

/** Whether `move` accepts an event that a message of the thread has caused. */
export function isLegal(
  state: WorkerState,
  event: Extract<WorkerEvent, { type: 'ready' | 'leaving' }>,
): boolean {
  return nextState(state, event) !== undefined;
}

const nextState = (state: WorkerState, event: WorkerEvent): WorkerState | undefined =>
  state.kind === 'stalled' ? nextWhileStalled(state.before, event) : nextUnlessStalled(state, event);

function nextUnlessStalled(
  state: Exclude<WorkerState, { kind: 'stalled' }>,
  event: WorkerEvent,
): WorkerState | undefined {
  switch (event.type) {
    case 'ready':
      return state.kind === 'starting' ? { kind: 'ready', descriptor: event.descriptor } : undefined;
    case 'stall':
      return isRunning(state) ? { kind: 'stalled', before: state } : undefined;
    case 'resume':
      return state.kind === 'wedged' ? state.before : undefined;
    case 'leaving':
      if (state.kind === 'starting') return { kind: 'leaving', reason: event.reason };
      break;
    case 'drain':
      if (state.kind === 'starting') return { kind: 'draining', reason: 'drained' };
      break;
  }
  return isRunning(state) ? advance(state, event) : undefined;
}

/**
 * Events of a stalled thread change the state that it returns to; messages to it wait in its queue until
 * then.
 */
function nextWhileStalled(before: RunningState, event: WorkerEvent): WorkerState | undefined {
  if (event.type === 'resume') return before;
  if (event.type === 'wedge') {
    return before.kind === 'draining' || before.kind === 'leaving' ? { kind: 'wedged', before } : undefined;
  }
  const next = advance(before, event);
  return next === undefined ? undefined : { kind: 'stalled', before: next };
}

function advance(state: RunningState, event: WorkerEvent): RunningState | undefined {
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

/**
 * The state after an exit. A thread that exits without `leaving` is lost: the protocol exists to prevent
 * that.
 */
function ended(state: WorkerState): WorkerState {
  if (state.kind === 'dead') throw new Error('worker: "exit" is not legal while dead');
  const last = state.kind === 'stalled' || state.kind === 'wedged' ? state.before : state;
  return { kind: 'dead', reason: 'reason' in last ? last.reason : 'lost' };
}

function isRunning(state: WorkerState): state is RunningState {
  const { kind } = state;
  return kind === 'ready' || kind === 'failing' || kind === 'draining' || kind === 'leaving';
}

/** Whether the thread serves, or will serve as soon as its loop runs again. */
export function mayServe(state: WorkerState): boolean {
  return descriptorOf(state.kind === 'stalled' ? state.before : state) !== undefined;
}

/**
 * The descriptor in the rotation, which may be a pointer into the thread; undefined when it is not in
 * rotation.
 */
export function descriptorOf(state: WorkerState): Descriptor | undefined {
  return state.kind === 'ready' || state.kind === 'failing' ? state.descriptor : undefined;
}

/** The states that operators see (docs/contract.md). */
export const SHOWN_STATES = ['starting', 'ready', 'draining', 'stalled', 'wedged', 'dead'] as const;

/**
 * The state as operators see it.
 * @param isOverdue the thread should have ended: it is shown as wedged, because it may never end either
 */
export function shownAs(state: WorkerState, isOverdue = false): (typeof SHOWN_STATES)[number] {
  if (isOverdue && state.kind !== 'dead') return 'wedged';
  return state.kind === 'leaving' || state.kind === 'failing' ? 'draining' : state.kind;
}
