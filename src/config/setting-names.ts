// One name, three spellings: `ADMIN_PORT` in the environment, `--admin-port` as a flag, `adminPort` in a
// file.

export const PREFIX = 'MULTILANE_';

export const flagOf = (name: string): string => `--${name.toLowerCase().replaceAll('_', '-')}`;

export const keyOf = (name: string): string =>
  name.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
