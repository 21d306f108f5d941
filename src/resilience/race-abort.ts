// Waiting that an abort signal ends.

/**
 * Resolves or rejects as the promise does, or rejects with the reason of the signal when that aborts first.
 * The work behind the promise continues: the signal ends only the wait. The signal must not have aborted
 * before.
 */
export function raceAbort<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
    promise.then(
      (value) => {
        signal.removeEventListener('abort', leave);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', leave);
        reject(error as Error);
      },
    );
  });
}
