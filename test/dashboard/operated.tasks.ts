// The tasks of operated.config.ts on the CPU pool.
export const resize = (): number => 7;
