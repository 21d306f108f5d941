// The spellings of a setting's name: `ADMIN_PORT` in the environment, `--admin-port` on the command line,
// `adminPort` in a configuration file.

export const PREFIX = 'MULTILANE_';

export const flagOf = (name: string): string => `--${name.toLowerCase().replaceAll('_', '-')}`;

export const keyOf = (name: string): string =>
  name.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
