// Entry of a thread of the CPU pool: Piscina calls `runTask`. No uWebSockets.js in here, so a thread may be
// ended at any moment.
export { runTask } from '#src/cpu/task-thread.js';
