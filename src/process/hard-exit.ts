// Two ways to end the process with an exit code at once, without Node.js ending its threads first. Either may
// not be available: each does nothing then.
import type { WASI as Wasi } from 'node:wasi';

/** Functions of `process` that not every supported version of Node.js has. */
interface NewerProcess {
  /** execve(2); Node 22.15 and newer. */
  execve?(file: string, args: readonly string[], env: object): never;
  /** Node 20.16 and newer. */
  getBuiltinModule?(name: 'node:wasi'): { readonly WASI: typeof Wasi } | undefined;
}

/** WebAssembly, which the TypeScript library that this project is compiled with does not declare. */
interface WithWebAssembly {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object, imports: object) => object;
  };
}

/**
 * Replaces the program of this process by one that only exits with this code; all threads are gone at that
 * moment. The program is Node.js itself: there may be no shell, and a program that cannot be started would
 * abort the process.
 */
export function exitByReplacement(code: number): void {
  const self = process.platform === 'linux' ? '/proc/self/exe' : process.execPath;
  (process as NewerProcess).execve?.(self, ['node', '-e', `process.exit(${code})`], {});
}

/**
 * Prepares a call of exit(3), which leaves all threads as they are. Of everything that Node.js offers, only
 * WASI (the system interface for WebAssembly) does that.
 * @returns the call, which does as little as possible before exit(3)
 */
export function prepareWasiExit(code: number): (() => void) | undefined {
  const { WASI } = (process as NewerProcess).getBuiltinModule?.('node:wasi') ?? {};
  if (WASI === undefined) return undefined;
  const wasi = new WASI({ version: 'preview1', returnOnExit: false });
  const { Instance, Module } = (globalThis as unknown as WithWebAssembly).WebAssembly;
  const program = new Instance(new Module(exitProgram(code)), wasi.getImportObject());
  return () => void wasi.start(program);
}

/**
 * A WebAssembly module whose `_start` calls `proc_exit(code)`:
 * https://webassembly.github.io/spec/core/binary/
 */
function exitProgram(code: number): Uint8Array {
  const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
  const section = (id: number, ...bytes: number[]): number[] => [id, bytes.length, ...bytes];
  /** The exit code, 0..255, as signed LEB128. */
  const number = code < 64 ? [code] : [(code & 0x7f) | 0x80, code >> 7];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // Types: (i32) -> () and () -> ().
    ...section(1, 2, 0x60, 1, 0x7f, 0, 0x60, 0, 0),
    ...section(2, 1, ...text('wasi_snapshot_preview1'), ...text('proc_exit'), 0, 0),
    ...section(3, 1, 1),
    ...section(5, 1, 0, 1),
    ...section(7, 2, ...text('memory'), 2, 0, ...text('_start'), 0, 1),
    // Code: i32.const code, call 0, end.
    ...section(10, 1, 5 + number.length, 0, 0x41, ...number, 0x10, 0, 0x0b),
  ]);
}
