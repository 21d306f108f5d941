// The last moment of the process. `process.exit` ends every thread first, and with one that stands still that goes
// wrong in two ways: JavaScript is terminated with its HTTP core open (SIGABRT, exit 134), native code is waited for.

interface Replaceable {
  /** Node 22.15 and newer: execve(2). */
  execve?(file: string, args: readonly string[]): never;
}

/** @param isStuck a worker thread still runs and cannot be told to end */
export function exitProcess(code: number, isStuck: boolean): never {
  if (!isStuck) process.exit(code);
  // Replaced by a program that does nothing but end with this code: all threads are gone at once.
  (process as Replaceable).execve?.('/bin/sh', ['sh', '-c', `exit ${code}`]);
  // Older: by a signal that a supervisor takes for an orderly end, or for a failure.
  process.removeAllListeners('SIGTERM');
  process.kill(process.pid, code === 0 ? 'SIGTERM' : 'SIGKILL');
  for (;;);
}
