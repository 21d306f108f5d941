/** What may hold up the last moment of a process. */
export const HOLDS = [
  'file',
  'file of a thread',
  'native thread',
  'hash',
  'throwing',
  'looping',
  'deciding',
] as const;
export type Hold = (typeof HOLDS)[number];
