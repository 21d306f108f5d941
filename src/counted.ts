/**
 * A number with its noun: `1 route`, `2 routes`.
 * @param many for several of them, with the verb where there is one. Default: `one` with an s
 * @example counted(refused, 'task was', 'tasks were')
 */
export const counted = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
