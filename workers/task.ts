// The entry of a thread of the CPU pool: Piscina calls `runTask`. These threads have no uWebSockets.js, so
// they may be ended at any moment.
export { runTask } from '#bundle/cpu/task-thread.js';
