// Assertions about types. They are checked by the compiler, and nothing is run.

/** `true` for types that are the same to the compiler in every place, else `false`. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles for `true` only: `assertType<Equal<…>>()`. */
export function assertType<_Holds extends true>(): void {}
